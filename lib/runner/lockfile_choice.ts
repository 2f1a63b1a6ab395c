import { UsageError } from "../base/errors.ts";
import type { LockfileOptions } from "../cache/lockfile.ts";
import { type Settings, updateOf } from "./settings.ts";

/** A lockfile, and how it is used. */
export interface LockfileChoice extends LockfileOptions {
  /** Where it is. */
  readonly path: string;
}

/** What decides which lockfile is used, and how. */
export interface LockfileHost {
  /** Reads an environment variable. */
  env(name: string): string | undefined;
  /** The lockfile where `--lock` names none. */
  readonly lockfile?: string;
}

/**
 * The lockfile of a run: the one that `--lock` names, else the host's. It is frozen when that was asked for, and in CI where
 * the file exists and no pin is to move.
 *
 * @throws {UsageError} if pins are to move or to be kept, and there is no lockfile
 */
export function lockfileChoice(
  settings: Settings,
  host: LockfileHost,
): LockfileChoice | undefined {
  const path = settings.lock ?? host.lockfile;
  const update = updateOf(settings);
  if (path === undefined) {
    if (!settings.frozen && update === "none") return undefined;
    throw new UsageError(
      `Cannot use --${settings.frozen ? "frozen" : "update"}: there is no lockfile`,
      { hint: "name one with --lock" },
    );
  }
  const inCi = (host.env("CI") ?? "") !== "" && update === "none" && mayBeThere(path);
  return { path, update, frozen: settings.frozen || inCi };
}

/** Whether there is a file, or nobody may know: what reads it says why. */
function mayBeThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
