import type { TaskContext } from "../../lib/runner/context.ts";

/** Warns of what concerns the whole cache. */
export function cacheWarner({ cache, report }: TaskContext): (message: string) => void {
  const operation = { operation: crypto.randomUUID(), kind: "cache", subject: cache.dir };
  return (message) => report({ ...operation, type: "note", level: "warning", message });
}

const mostNamed = 10;

/** Warns of what this user may not read, or remove, of the cache, in the words of the system, and of what comes of it. */
export function warnOfDenied(
  context: TaskContext,
  denied: readonly string[],
  then = "",
): void {
  if (denied.length === 0) return;
  const warn = cacheWarner(context);
  for (const why of denied.slice(0, mostNamed)) {
    warn(`Cannot process all of the cache: ${why}${then}`);
  }
  const rest = denied.length - mostNamed;
  if (rest > 0) warn(`Cannot process all of the cache: ${rest} more, not named here`);
}
