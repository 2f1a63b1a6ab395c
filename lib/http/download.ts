import { delay } from "@std/async";
import { sameDigest } from "../base/digest.ts";
import { UnreachableError } from "../base/errors.ts";
import { displayUrl } from "./display_url.ts";
import { DownloadAttempt } from "./download_attempt.ts";
import type { Downloaded, DownloadOptions } from "./download_options.ts";
import { probe as probeUrl } from "./probe.ts";
import { ChangedError } from "./range_source.ts";
import { defaultRetryPolicy, retryDelayMs } from "./retry_policy.ts";

const mostRestarts = 3;

/**
 * Downloads what a probe found. An object that changes meanwhile is begun anew, the last time over a single connection.
 *
 * @throws {UnreachableError} if a range could not be had in all tries
 * @throws {NoRoomError} if the disk has no room for it
 */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  let { probe } = options;
  for (let restarts = 0;; restarts++) {
    const resumed = probe.partial !== undefined;
    try {
      const found = await new DownloadAttempt({ ...options, probe }).run();
      const { digest } = options;
      if (!resumed || digest === undefined || sameDigest(digest, found.digest)) return found;
      options.meter.note(
        "what an earlier run left has the wrong digest; beginning anew",
        "warning",
      );
    } catch (error) {
      if (!(error instanceof ChangedError)) throw error;
      if (restarts >= mostRestarts) {
        throw new UnreachableError(
          `Cannot ${options.request.action} ${displayUrl(probe.url)}: ${error.message}, each time`,
          { cause: error },
        );
      }
      options.meter.note(`${error.message}; beginning anew`, "warning");
      const waitMs = retryDelayMs(
        options.retry ?? defaultRetryPolicy,
        restarts,
        undefined,
        Math.random,
      );
      await delay(waitMs, { signal: options.signal });
    }
    options.object.restarted();
    const { partial: _partial, unless: _unless, ...request } = options.request;
    probe = await probeUrl(options.client, {
      ...request,
      ranges: request.ranges !== false && restarts < mostRestarts - 1,
    });
  }
}
