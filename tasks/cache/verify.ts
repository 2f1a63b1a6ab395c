import { checkOptions, checkValue } from "../../lib/base/check_options.ts";
import { defined } from "../../lib/base/defined.ts";
import { parseDuration } from "../../lib/base/duration.ts";
import { KedgeError, VerificationError } from "../../lib/base/errors.ts";
import { verifyCache, type VerifyCacheResult } from "../../lib/cache/verify_cache.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { cacheWarner, warnOfDenied } from "../shared/cache_warner.ts";
import type { CacheVerifyOptions } from "./cache.ts";
import { refetchContents } from "./refetch.ts";

/** Does the work of `cacheVerify`. */
export async function runCacheVerify(
  options: CacheVerifyOptions = {},
  ctx: TaskContextOptions = {},
): Promise<VerifyCacheResult> {
  checkOptions(options, {}, { budgetBytes: "number", refetch: "switch" });
  const context = resolveContext(ctx);
  const { cache, signal, dryRun, offline } = context;
  const { budget, budgetBytes, refetch = true } = options;
  const budgetMs = typeof budget === "string" ? parseDuration(budget) : budget;
  if (budgetMs !== undefined) checkValue("budget", budgetMs, "milliseconds");
  const result = await verifyCache(cache, {
    dryRun,
    signal,
    ...(refetch && !offline ? { mend: (bad) => refetchContents(bad, context) } : {}),
    ...defined({ budgetMs, budgetBytes }),
  });
  const warn = cacheWarner(context);
  for (const { kind, digest, keys, why } of result.bad) {
    warn(
      `the ${kind} ${digest} ${keys.length > 0 ? `of ${keys.join(", ")} ` : ""}was damaged: ${why}`,
    );
  }
  warnOfDenied(context, result.denied, "; it was not held against its digest");
  const lost = result.bad.filter(({ refetched }) => !refetched);
  if (lost.length === 0) {
    if (result.denied.length > 0) throw unread(cache.dir, result);
    return result;
  }
  const names = [
    ...new Set(lost.flatMap(({ digest, keys }) => keys.length > 0 ? keys : [digest])),
  ];
  throw new VerificationError(
    `Cannot verify the cache "${cache.dir}": ${
      lost.length === 1 ? "one is" : `${lost.length} are`
    } damaged: ${names.join(", ")}`,
    {
      hint: dryRun
        ? "run without --dry-run to move them away"
        : `${lost[0]!.movedAway ? "moved away; " : ""}${lost[0]!.why}`,
      data: { ...result },
    },
  );
}

function unread(dir: string, result: VerifyCacheResult): KedgeError {
  const { length } = result.denied;
  return new KedgeError(
    `Cannot verify the cache "${dir}": ${length} of its files and folders may not be read`,
    {
      hint: "run it as the user who owns them; all else that was read is good",
      data: { ...result },
    },
  );
}
