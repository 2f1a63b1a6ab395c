import { KedgeError, NotAllowedError, UsageError } from "../../base/errors.ts";
import { type ProcessResult, runProcess } from "../../base/process_group.ts";

/** How Nix is run. */
export interface NixCommandOptions {
  /** The program. @default {"nix"} */
  program?: string | undefined;
  /** The Nix store that paths come from, `local?root=/mnt`; Nix's own choice where it is left out. */
  store?: string | undefined;
  /** The experimental features that it is told to have; a Nix before 2.4 knows of none. @default {["nix-command", "flakes"]} */
  features?: readonly string[] | undefined;
  /** Variables added to the environment. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Called for each piece of standard output, which the result then does not hold. */
  onStdout?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Called for each piece of standard error. */
  onStderr?: ((bytes: Uint8Array) => void) | undefined;
  /** Ends the program and its children. */
  signal?: AbortSignal | undefined;
}

/**
 * Runs one of Nix's commands to its end; a non-zero exit code is not an error here.
 *
 * @throws {UsageError} if Nix is not installed
 */
export async function runNix(
  args: readonly string[],
  options: NixCommandOptions = {},
): Promise<ProcessResult> {
  const { program = "nix", features = ["nix-command", "flakes"] } = options;
  try {
    return await runProcess(program, {
      args: [
        ...(features.length === 0 ? [] : ["--extra-experimental-features", features.join(" ")]),
        ...args,
        ...(options.store === undefined ? [] : ["--store", options.store]),
      ],
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.onStdout === undefined ? {} : { onStdout: options.onStdout }),
      ...(options.onStderr === undefined ? {} : { onStderr: options.onStderr }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw new UsageError(`Cannot run "${program}": it is not installed`, {
        cause,
        hint: "store paths, links to them and flakes need Nix; a plain folder does not",
      });
    }
    if (cause instanceof Deno.errors.NotCapable || cause instanceof Deno.errors.PermissionDenied) {
      throw new NotAllowedError(`Cannot run "${program}": ${(cause as Error).message}`, { cause });
    }
    throw cause;
  }
}

/** What Nix printed on standard output as JSON, or its own words as an error. */
export async function nixJson(
  args: readonly string[],
  action: string,
  options: NixCommandOptions = {},
): Promise<unknown> {
  let result = await runNix(args, options);
  // A Nix that insists on a format is given the oldest one.
  if (result.code !== 0 && /--json-format/.test(result.stderr)) {
    result = await runNix([...args, "--json-format", "1"], options);
  }
  if (result.code !== 0) {
    const words = lastError(result.stderr);
    throw new KedgeError(`Cannot ${action}: nix ended with code ${result.code}${words}`, {
      side: "source",
      data: { stderr: result.stderr.slice(-4000) },
    });
  }
  try {
    return JSON.parse(result.stdout);
  } catch (cause) {
    throw new KedgeError(`Cannot ${action}: what nix printed is not JSON`, { cause });
  }
}

/** The line of a child's error output that tells why it failed. */
export function lastError(stderr: string): string {
  const lines = withoutColours(stderr).split("\n").map((line) => line.trim());
  const line = lines.find((each) => each.startsWith("error:") && each.length > 6) ??
    lines.findLast((each) => each !== "");
  return line === undefined ? "" : ` (${line.slice(0, 300)})`;
}

/** A text without the colours of a terminal. */
export function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex -- that is what colours are made of
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}
