import { UsageError } from "../base/errors.ts";
import { type ProcessResult, runProcess } from "../base/process_group.ts";

/**
 * Runs `nix-store` to its end; a non-zero exit code is no error here.
 *
 * @throws {UsageError} if Nix is not installed
 */
export async function runNixStore(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
): Promise<ProcessResult> {
  const { env = {}, signal } = options;
  try {
    return await runProcess("nix-store", {
      args: [...args],
      env: { ...env },
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UsageError(`Cannot run "nix-store": it is not installed`, {
      cause,
      hint: "install Nix, or leave its store out",
    });
  }
}
