import type { TaskContext } from "../lib/runner/context.ts";

/** Warns of what concerns the whole cache. */
export function cacheWarner({ cache, report }: TaskContext): (message: string) => void {
  const operation = { operation: crypto.randomUUID(), kind: "cache", subject: cache.dir };
  return (message) => report({ ...operation, type: "note", level: "warning", message });
}
