import { dirname, join } from "@std/path";
import { UsageError } from "../../base/errors.ts";
import { type ProcessResult, runProcess } from "../../base/process_group.ts";

/** How `nix-store` is run. */
export interface NixStoreOptions {
  /** Nix's own program, beside which it is looked for. @default {"nix"} */
  program?: string | undefined;
  /** Variables added to the environment. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

/**
 * Runs `nix-store` to its end; a non-zero exit code is not an error here.
 *
 * @throws {UsageError} if Nix is not installed
 */
export async function runNixStore(
  args: readonly string[],
  options: NixStoreOptions = {},
): Promise<ProcessResult> {
  const { program: nix = "nix", env = {}, signal } = options;
  const program = nix.includes("/") ? join(dirname(nix), "nix-store") : "nix-store";
  try {
    return await runProcess(program, {
      args: [...args],
      env: { ...env },
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UsageError(`Cannot run "${program}": it is not installed`, {
      cause,
      hint: "install Nix, or leave its store out",
    });
  }
}
