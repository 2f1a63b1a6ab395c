/**
 * Decides what a policy removes of what there is: pure, so that a dry run and a run decide alike.
 *
 * Cases it guards: contents that a live process uses stay, whatever the policy says, and all contents where a pointer may not be read; pointers of newer versions keep what
 * they refer to; while others use the cache, what is young stays, since its pointer may be about to be written.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { stateOfTemporary } from "../base/temporary_owner.ts";
import { bucketOfFolder } from "./buckets.ts";
import { dayMs } from "./cache_age.ts";
import type { GcItem, GcPlan, GcPolicy, GcReason } from "./gc_policy.ts";
import type { Survey } from "./gc_survey.ts";
import { partialState } from "./partials.ts";
import { type FoundPointer, needsOf, refsOf } from "./pointers.ts";

/** What the decision hangs on beside the survey. */
export interface GcFacts {
  /** What live processes use. */
  leased: ReadonlySet<Digest>;
  /** The lease files of processes that are gone. */
  deadLeases: readonly string[];
  /** Whether others use the cache now. */
  shared: boolean;
  /** The free bytes of the disk, where they are known. */
  freeBytes?: number;
  /** The clock, in milliseconds since 1970. */
  nowMs: number;
  /** Whether the clock seems to be behind, so that what is dated later is young. */
  behind: boolean;
}

/** What goes. */
export function planGc(survey: Survey, policy: GcPolicy, facts: GcFacts): GcPlan {
  const items: GcItem[] = [];
  const doomed = new Map<FoundPointer, GcReason>();
  for (const pointer of survey.pointers) {
    const reason = fateOf(pointer, survey, policy, facts);
    if (reason !== undefined) doomed.set(pointer, reason);
  }
  const refs = policy.ci ? needsOf : refsOf;
  const isJudged = survey.denied.length === 0;
  if (isJudged) makeRoom(survey, policy, facts, refs, doomed);

  for (const [pointer, reason] of doomed) {
    const name = pointer.envelope?.key;
    items.push({
      kind: "pointer",
      path: pointer.path,
      reason,
      ...(name === undefined ? {} : { name }),
    });
  }
  for (const { path } of survey.oldBuckets) {
    items.push({ kind: "bucket", path, reason: "of an older version" });
  }
  for (const { path, pointer, named = [], changedMs } of survey.files) {
    const isLeased = named.some((digest) => facts.leased.has(digest));
    const stays = pointer === undefined
      ? !isJudged || isLeased || isYoung(changedMs, policy, facts)
      : !doomed.has(pointer);
    if (stays) continue;
    items.push({ kind: "file", path, reason: "nothing refers to it" });
  }
  const needed = new Set(survey.pointers.filter((pointer) => !doomed.has(pointer)).flatMap(refs));
  let leased = 0;
  // In CI nothing is kept that an entry can do without: the version before the present one, unpacked folders.
  const spare = new Set(survey.pointers.flatMap((pointer) => pointer.envelope?.spare ?? []));
  for (const { kind, digest, path, size, changedMs } of survey.contents.values()) {
    if (needed.has(digest) || !isJudged) continue;
    if (facts.leased.has(digest)) {
      leased++;
      continue;
    }
    if (isYoung(changedMs, policy, facts)) continue;
    items.push({
      kind,
      path,
      name: digest,
      bytes: size,
      reason: policy.ci && spare.has(digest) ? "not needed in CI" : "nothing refers to it",
    });
  }
  for (const { path, changedMs } of survey.strays) {
    if (isYoung(changedMs, policy, facts)) continue;
    items.push({ kind: "temporary", path, reason: "nothing refers to it" });
  }
  items.push(...leftovers(survey, policy, facts));
  return { items, leased, shared: facts.shared, denied: survey.denied };
}

function fateOf(
  pointer: FoundPointer,
  survey: Survey,
  policy: GcPolicy,
  facts: GcFacts,
): GcReason | undefined {
  if (bucketOfFolder(pointer.bucket) === undefined) return undefined;
  if (pointer.denied !== undefined) return undefined;
  if (pointer.envelope === undefined) {
    return isYoung(pointer.usedMs, policy, facts) ? undefined : "it cannot be read";
  }
  const refs = refsOf(pointer);
  if (refs.some((digest) => facts.leased.has(digest))) return undefined;
  const isKnown = survey.denied.length === 0;
  const isGone = (digest: Digest) => !survey.contents.has(digest) && !survey.below.has(digest);
  if (isKnown && refs.length > 0 && refs.every(isGone)) {
    return isYoung(pointer.usedMs, policy, facts) ? undefined : "its contents are gone";
  }
  if (policy.maxAgeMs !== undefined && facts.nowMs - pointer.usedMs > policy.maxAgeMs) {
    return "not used for longer than the maximum age";
  }
  return undefined;
}

/** Lets go of what was not used for longest until the limits hold. */
function makeRoom(
  survey: Survey,
  policy: GcPolicy,
  facts: GcFacts,
  refsOf: (pointer: FoundPointer) => readonly Digest[],
  doomed: Map<FoundPointer, GcReason>,
): void {
  const kept = survey.pointers.filter((pointer) => !doomed.has(pointer));
  const uses = new Map<Digest, number>();
  for (const pointer of kept) {
    for (const digest of new Set(refsOf(pointer))) uses.set(digest, (uses.get(digest) ?? 0) + 1);
  }
  let bytes = 0;
  let goingBytes = 0;
  for (const { digest, size } of survey.contents.values()) {
    if (uses.has(digest) || facts.leased.has(digest)) bytes += size;
    else goingBytes += size;
  }
  const over = Math.max(
    policy.maxBytes === undefined ? 0 : bytes - policy.maxBytes,
    policy.minFreeBytes === undefined || facts.freeBytes === undefined
      ? 0
      : policy.minFreeBytes - facts.freeBytes - goingBytes,
  );
  let freed = 0;
  for (const pointer of kept.sort((a, b) => a.usedMs - b.usedMs)) {
    if (freed >= over) break;
    const refs = [...new Set(refsOf(pointer))];
    if (!refs.some((digest) => survey.contents.has(digest))) continue;
    if (refs.some((digest) => facts.leased.has(digest))) continue;
    doomed.set(pointer, "to make room");
    for (const digest of refs) {
      const left = (uses.get(digest) ?? 1) - 1;
      uses.set(digest, left);
      if (left === 0) freed += survey.contents.get(digest)?.size ?? 0;
    }
  }
}

function isYoung(changedMs: number, policy: GcPolicy, facts: GcFacts): boolean {
  return facts.shared && facts.nowMs - changedMs < (policy.graceMs ?? 3_600_000);
}

/** What killed processes left. */
function leftovers(survey: Survey, policy: GcPolicy, facts: GcFacts): GcItem[] {
  const items: GcItem[] = [];
  // What is dated by a clock that was wrong would stay until that day; where this one is, all of it is young.
  const ageOf = (changedMs: number) =>
    changedMs > facts.nowMs + dayMs && !facts.behind ? Infinity : facts.nowMs - changedMs;
  for (const path of facts.deadLeases) {
    items.push({ kind: "lease", path, reason: "left by a process that ended" });
  }
  for (const { name, path, changedMs } of survey.temporaries) {
    const state = stateOfTemporary(name);
    const old = ageOf(changedMs) > dayMs;
    if (state === "dead" ? !facts.shared || old : old && !facts.shared) {
      items.push({ kind: "temporary", path, reason: "left by a process that ended" });
    }
  }
  const seen = new Set<string>();
  for (const { name, path, changedMs } of survey.partials) {
    const state = partialState(name);
    if (state === "alive") continue;
    const key = name.slice(0, 40);
    const limit = policy.ci ? -1 : policy.partialMaxAgeMs ?? 7 * dayMs;
    if (state === "elsewhere" && ageOf(changedMs) < dayMs) continue;
    if (ageOf(changedMs) > limit) {
      items.push({
        kind: "partial",
        path,
        reason: policy.ci ? "cheap to make again" : "too old to be resumed",
      });
    } else if (seen.has(key) || state === undefined) {
      items.push({ kind: "partial", path, reason: "left by a process that ended" });
    } else {
      seen.add(key);
    }
  }
  for (const { path, changedMs } of survey.quarantined) {
    if (!policy.ci && ageOf(changedMs) <= 7 * dayMs) continue;
    items.push({
      kind: "quarantined",
      path,
      reason: policy.ci ? "cheap to make again" : "nothing refers to it",
    });
  }
  return items;
}
