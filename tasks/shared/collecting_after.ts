import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";

/** Does work that fills the cache, in a context that is whole, and collects afterwards where it changed something. */
export async function collectingAfter<R extends { changed: boolean }>(
  ctx: TaskContextOptions,
  work: (context: TaskContext) => Promise<R>,
): Promise<R> {
  const context = resolveContext(ctx);
  const result = await work(context);
  if (result.changed) {
    const { collectAfter } = await import("./collect_after.ts");
    await collectAfter(context);
  }
  return result;
}
