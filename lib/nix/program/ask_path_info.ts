import { argumentBatches } from "./argument_batches.ts";
import { type NixCommandOptions, nixJson } from "./nix_command.ts";

/** To ask what is there must fetch nothing from elsewhere. */
export const offline: readonly string[] = ["--option", "substitute", "false"];

/**
 * Store paths by what Nix must be told of them: derivations themselves are named with a flag, without which a Nix before 2.15 takes what they
 * build for them, and builds it where it is to copy it; with it, it takes nothing else.
 */
export function byNaming(
  paths: readonly string[],
): readonly { flags: readonly string[]; paths: readonly string[] }[] {
  return [
    { flags: [], paths: paths.filter((path) => !isDerivation(path)) },
    { flags: ["--derivation"], paths: paths.filter(isDerivation) },
  ];
}

/** Whether a store path is a derivation. */
export function isDerivation(path: string): boolean {
  return path.endsWith(".drv");
}

/**
 * What `nix path-info --json` says of store paths, derivations among them: one answer for each run that it takes.
 *
 * @throws {KedgeError} if Nix fails, as it does for a derivation that is not there
 */
export async function askPathInfo(
  paths: readonly string[],
  flags: readonly string[],
  action: string,
  options: NixCommandOptions,
): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const named of byNaming(paths)) {
    for (const batch of argumentBatches(named.paths)) {
      const args = [...offline, "path-info", "--json", ...flags, ...named.flags, ...batch];
      answers.push(await nixJson(args, action, options));
    }
  }
  return answers;
}
