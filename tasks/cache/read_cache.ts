import type { Cache } from "../../lib/cache/cache.ts";
import { refuseFile } from "../../lib/cache/own_folder.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { warnOfDenied } from "../shared/cache_warner.ts";

/** Reads the cache of a context, and warns of what of it this user may not read. */
export async function readCache<T>(
  ctx: TaskContextOptions,
  read: (cache: Cache, onDenied: (why: string) => void, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = resolveContext(ctx);
  context.signal.throwIfAborted();
  refuseFile(context.cache.dir);
  const denied: string[] = [];
  try {
    const found = await read(context.cache, (why) => denied.push(why), context.signal);
    context.signal.throwIfAborted();
    return found;
  } finally {
    warnOfDenied(context, denied);
  }
}
