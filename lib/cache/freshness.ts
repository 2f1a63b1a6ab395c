import { formatDuration } from "../base/duration.ts";
import { type Refresh, refreshes } from "./refresh.ts";

/** Why nobody need be asked about what is in the cache. */
export type FreshReason = "unchanging" | "not to be asked" | "young" | "just confirmed";

/** Whether what is in the cache may be used: as it is, after asking, or not at all; and why. */
export type Freshness =
  | { state: "fresh"; reason: FreshReason }
  | { state: "stale"; reason: "refresh" | "too old"; detail: string }
  | {
    state: "missing";
    reason: "absent" | "unreadable" | "contents gone" | "other digest";
    detail: string;
  };

/** What decides the freshness of an entry that is there. */
export interface FreshnessPolicy {
  /** What is to be asked again. */
  refresh: Refresh;
  /** Why it is. @default {"a refresh was asked for"} */
  refreshedFor?: string;
  /** By what names a refresh may name it. */
  names: readonly string[];
  /** After what time without a confirmation it is asked again, in milliseconds. @default {never} */
  maxAgeMs?: number;
  /** Whether its contents are pinned by a digest, so that asking can tell nothing new. */
  pinned: boolean;
  /** Whether no remote may be asked. */
  offline: boolean;
}

/**
 * Whether an entry may be used as it is. What was confirmed since the run began is fresh for the rest of it, so that one
 * run asks once.
 */
export function freshnessOf(
  checkedMs: number,
  policy: FreshnessPolicy,
  clock: { nowMs: number; runStartedMs: number },
): Freshness {
  if (policy.pinned) return { state: "fresh", reason: "unchanging" };
  if (policy.offline) return { state: "fresh", reason: "not to be asked" };
  const isPast = checkedMs <= clock.nowMs;
  if (isPast && checkedMs >= clock.runStartedMs) {
    return { state: "fresh", reason: "just confirmed" };
  }
  if (refreshes(policy.refresh, ...policy.names)) {
    const { refreshedFor = "a refresh was asked for" } = policy;
    return { state: "stale", reason: "refresh", detail: refreshedFor };
  }
  const ageMs = isPast ? clock.nowMs - checkedMs : Infinity;
  if (policy.maxAgeMs === undefined) return { state: "fresh", reason: "not to be asked" };
  if (ageMs < policy.maxAgeMs) return { state: "fresh", reason: "young" };
  return {
    state: "stale",
    reason: "too old",
    detail: isPast
      ? `it was confirmed ${formatDuration(ageMs)} ago, longer than ${
        formatDuration(policy.maxAgeMs)
      }`
      : "it claims to have been confirmed in the future",
  };
}
