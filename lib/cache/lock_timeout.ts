import { UsageError } from "../base/errors.ts";
import { grantedVariable } from "../base/granted_variable.ts";

const defaultMs = 300_000;

/**
 * How long to wait for a lock, in milliseconds: `KEDGE_LOCK_TIMEOUT` in seconds, else five minutes; so too where it may not be read.
 *
 * @throws {UsageError} if the variable holds no number of seconds
 */
export function lockTimeoutMs(env: (name: string) => string | undefined = grantedVariable): number {
  const text = env("KEDGE_LOCK_TIMEOUT");
  if (text === undefined || text === "") return defaultMs;
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds < 0) {
    throw new UsageError(
      `Cannot use KEDGE_LOCK_TIMEOUT ${JSON.stringify(text)}: it is not a number of seconds`,
    );
  }
  return seconds * 1000;
}
