/**
 * Runs a command of Nix that writes to a store.
 *
 * Invariants: it has a cache folder of its own, so that nothing is answered from memory; one that says nothing for a while is ended with all
 * its children.
 *
 * @module
 */
import { UnreachableError } from "../../base/errors.ts";
import { longTimeout } from "../../base/long_timeout.ts";
import { lastError, type NixCommandOptions, runNix } from "./nix_command.ts";
import type { NixLog } from "./nix_log.ts";
import type { WorkFolder } from "../work_folder.ts";

/** How {@linkcode runStoreCommand} runs it. */
export interface StoreCommandOptions extends Omit<NixCommandOptions, "onStderr"> {
  /** What is tried, for messages: `copy to "daemon"`. */
  action: string;
  /** The folder for what Nix remembers. */
  memory: WorkFolder;
  /** Reads what Nix says. */
  log: NixLog;
  /** How long Nix may say nothing, in milliseconds. @default {300_000} */
  stallMs?: number | undefined;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Runs it to its end; a non-zero exit code is not an error here.
 *
 * @returns its exit code, and in brackets why it failed
 * @throws {UnreachableError} if it said nothing for too long
 */
export async function runStoreCommand(
  command: readonly string[],
  args: readonly string[],
  options: StoreCommandOptions,
): Promise<{ code: number; words: string }> {
  const { action, memory, log, stallMs = 300_000, signal, ...nix } = options;
  const stall = new AbortController();
  let timer: Disposable | undefined;
  const touch = () => {
    timer?.[Symbol.dispose]();
    timer = longTimeout(() => stall.abort(), stallMs);
  };
  touch();
  try {
    const { code, stderr } = await runNix(
      [...command, "--refresh", "--log-format", "internal-json", ...args],
      {
        ...nix,
        env: { ...nix.env, ...memoryVariables(memory) },
        signal: AbortSignal.any([signal, stall.signal]),
        onStderr: (bytes) => {
          touch();
          log.take(bytes);
        },
      },
    );
    return { code, words: log.error ?? lastError(stderr) };
  } catch (cause) {
    if (signal.aborted || !stall.signal.aborted) throw cause;
    throw new UnreachableError(
      `Cannot ${action}: nix ${command.join(" ")} said nothing for ${stallMs} ms`,
      { cause, side: "destination" },
    );
  } finally {
    timer?.[Symbol.dispose]();
  }
}

/** The variables that lead Nix to a folder with all that it remembers. */
export function memoryVariables({ path }: WorkFolder): Record<string, string> {
  return { XDG_CACHE_HOME: path, NIX_CACHE_HOME: path };
}
