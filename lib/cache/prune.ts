/**
 * Removes what is not needed.
 *
 * Invariants: pointers go before what they refer to, so that a kill midway leaves nothing that points to nothing; what a live
 * process leases stays; prune never waits for those who use the cache: while there are any it lets young things be;
 * symbolic links are removed, never followed.
 *
 * @module
 */
import { freeBytes } from "../base/disk_space.ts";
import type { FileLock } from "../base/file_lock.ts";
import { ifAllowed, ifThere } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import { dayMs, madeMs } from "./cache_age.ts";
import { defaultGcPolicy, type GcItem, type GcPlan, type GcPolicy } from "./gc_policy.ts";
import { planGc } from "./gc_plan.ts";
import { type Survey, surveyCache } from "./gc_survey.ts";
import { isRootHeld } from "./in_use.ts";
import { checkOwnFolder } from "./own_folder.ts";
import { needsOf, refsOf } from "./pointers.ts";
import { type Removal, RemovalCount, removeCounted } from "./removal.ts";
import { removeContents, type RemoveContentsOptions } from "./remove_contents.ts";

/** Options of {@linkcode pruneCache}. */
export interface PruneOptions {
  /** What the cache may keep. @default {all that is referred to, and partial downloads of the last 7 days} */
  policy?: GcPolicy;
  /** Whether to act as if nobody else used the cache. @default {false} */
  force?: boolean;
  /** Whether to plan only. @default {false} */
  dryRun?: boolean;
  /** Told when others use the cache: what is done about it. */
  onBusy?: (message: string) => void;
  /** Ends the work. */
  signal?: AbortSignal;
}

/** What {@linkcode pruneCache} removed, or would. */
export interface PruneResult extends Removal {
  /** The things, each with its reason. */
  plan: GcPlan;
}

/** Removes what a policy does not let the cache keep. */
export async function pruneCache(cache: Cache, options: PruneOptions = {}): Promise<PruneResult> {
  const { dryRun = false, force = false, signal } = options;
  const policy = { ...defaultGcPolicy, ...options.policy };
  const count = new RemovalCount();
  if (await ifThere(Deno.stat(cache.dir)) === undefined) {
    return { ...count.toRemoval(), plan: { items: [], leased: 0, shared: false, denied: [] } };
  }
  checkOwnFolder(cache.dir);
  const root = await tryRoot(cache, dryRun);
  using _root = root.lock;
  if (root.busy) {
    options.onBusy?.(
      force
        ? "the cache is in use; going on since force was asked for"
        : "the cache is in use; what is young or leased stays",
    );
  }
  using leases = new DisposableStack();
  const lockLeases = async () => void leases.use(await cache.leases.lock(signal));
  const survey = await surveyCache(cache, signal, root.busy, dryRun ? undefined : lockLeases);
  const behind = isBehind(survey, madeMs(cache), cache.now());
  if (!dryRun && !behind) await mendDates(survey, cache.now());
  const { leased, all } = await cache.leases.read(root.busy);
  // Asked only where it counts: it takes a permission that not every task is given.
  const free = policy.minFreeBytes === undefined ? undefined : freeBytes(cache.dir);
  const plan = planGc(survey, policy, {
    leased: all || survey.allLeased ? new Set(survey.contents.keys()) : leased.union(survey.leased),
    deadLeases: survey.deadLeases,
    shared: root.busy && !force,
    nowMs: cache.now(),
    behind,
    ...(free === undefined ? {} : { freeBytes: free }),
  });
  const denied = await carryOut(cache, plan, survey, count, {
    dryRun,
    inUse: root.busy,
    refs: policy.ci ? needsOf : refsOf,
    ...(signal === undefined ? {} : { signal }),
  });
  return { ...count.toRemoval(), plan: { ...plan, denied: [...plan.denied, ...denied] } };
}

async function tryRoot(
  cache: Cache,
  dryRun: boolean,
): Promise<{ lock?: FileLock; busy: boolean }> {
  if (dryRun) return { busy: isRootHeld(cache) };
  const lock = await cache.tryLockRoot();
  return lock === undefined ? { busy: true } : { lock, busy: false };
}

/**
 * Whether the clock of this machine seems to be behind: half of what has a date, or more, is of days yet to come. To date anything anew
 * by such a clock would make all of it old once the clock is right again.
 */
function isBehind({ pointers }: Survey, made: number | undefined, nowMs: number): boolean {
  const dates = pointers.map(({ usedMs }) => usedMs);
  if (made !== undefined) dates.push(made);
  const ahead = dates.filter((dateMs) => dateMs > nowMs + dayMs);
  return ahead.length > 0 && ahead.length * 2 >= dates.length;
}

/** Lets pointers begin to age that were used on a day yet to come, by a clock that was wrong. */
async function mendDates({ pointers }: Survey, nowMs: number): Promise<void> {
  for (const pointer of pointers.filter(({ usedMs }) => usedMs > nowMs + dayMs)) {
    const used = new Date(nowMs);
    try {
      await Deno.utime(pointer.path, used, used);
      pointer.usedMs = used.getTime();
    } catch {
      // Its date may be somebody else's to set.
    }
  }
}

/** How many things are removed at a time: the disk answers while the next are asked for. */
const atOnce = 64;

/** Removes what goes, but nothing of a pointer that stays; gives what the system does not let this user remove, in its words. */
async function carryOut(
  cache: Cache,
  plan: GcPlan,
  survey: Survey,
  count: RemovalCount,
  options: Omit<RemoveContentsOptions, "each"> & { dryRun: boolean; signal?: AbortSignal },
): Promise<string[]> {
  const denied: string[] = [];
  const staying = new Set<string>();
  const seen = new Map(survey.pointers.map(({ path, usedMs }) => [path, usedMs]));
  const carry = async (item: GcItem) => {
    if (item.kind === "pointer" && await wasUsed(item, seen.get(item.path))) {
      staying.add(item.path);
    } else await removeCounted(item.path, count, options);
  };
  const allowed = (item: GcItem, act: (item: GcItem) => Promise<void>) =>
    ifAllowed(act(item), (why) => {
      denied.push(why);
      staying.add(item.path);
    });
  const each = async (items: readonly GcItem[], act = carry) => {
    for (let at = 0; at < items.length; at += atOnce) {
      options.signal?.throwIfAborted();
      await Promise.all(items.slice(at, at + atOnce).map((item) => allowed(item, act)));
    }
  };
  await each(plan.items.filter(({ kind }) => kind === "pointer"));
  const needed = neededBy(staying, survey);
  const others = plan.items.filter(({ kind, path }) => kind !== "pointer" && !needed.has(path));
  const isContents = ({ kind }: GcItem) => kind === "blob" || kind === "archive";
  await each(others.filter((item) => options.dryRun || !isContents(item)));
  if (!options.dryRun) {
    await removeContents(cache, others.filter(isContents), count, { ...options, each });
  }
  return denied;
}

/** The paths of what these pointers need. */
function neededBy(
  staying: ReadonlySet<string>,
  { pointers, contents, files }: Survey,
): ReadonlySet<string> {
  const refs = pointers.filter(({ path }) => staying.has(path)).flatMap(refsOf);
  const named = files.filter(({ pointer }) => pointer !== undefined && staying.has(pointer.path));
  return new Set([
    ...refs.map((digest) => contents.get(digest)?.path ?? ""),
    ...named.map(({ path }) => path),
  ]);
}

/** Whether a pointer was used or written anew since the survey. */
async function wasUsed(item: GcItem, usedMs: number | undefined): Promise<boolean> {
  const info = await ifThere(Deno.lstat(item.path));
  return info !== undefined && info.mtime?.getTime() !== usedMs;
}
