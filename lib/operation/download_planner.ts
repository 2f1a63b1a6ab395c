/**
 * Finds out what a cached download has to do: whether the file is there and fresh, and otherwise where it is to be had.
 *
 * Invariants: the cache is asked before the tier, the tier before the origin; nothing is written but locks and leases, and not even
 * these in a dry run; who comes second waits for the first and looks again.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import { UnreachableError } from "../base/errors.ts";
import type { DownloadEntry, DownloadPolicy, KnownFile } from "../cache/download_entry.ts";
import type { DownloadRecord } from "../cache/download_record.ts";
import type { FoundProbe } from "../http/probe.ts";
import type { CachedDownloadOptions, CachedFile } from "./cached_download_options.ts";
import { DownloadIdentity } from "./download_identity.ts";
import { type DownloadPlan, presentPlan } from "./download_plan.ts";
import type { LeftDownload } from "./left_download.ts";
import type { Step } from "./operation.ts";
import type { OriginAnswer, OriginSource } from "./origin_source.ts";
import { Published } from "./published.ts";
import type { OpenedInTier, TierSource } from "./tier_source.ts";

/** What a {@linkcode DownloadPlanner} asks. */
export interface DownloadPlannerOptions {
  /** What is to be had, and how. */
  download: CachedDownloadOptions;
  /** What the cache has of it. */
  entry: DownloadEntry;
  /** The origin and its mirrors. */
  origin: OriginSource;
  /** The team's tier. */
  tier: TierSource;
  /** Holds the locks, and the answers that nobody read, until the operation ends. */
  held: AsyncDisposableStack;
}

/** Plans one cached download. */
export class DownloadPlanner {
  /** By what it is known. */
  readonly identity: DownloadIdentity;
  /** What somebody else says of its digest. */
  readonly published: Published;
  #options: CachedDownloadOptions;
  #entry: DownloadEntry;
  #origin: OriginSource;
  #tier: TierSource;
  #held: AsyncDisposableStack;
  #locked = false;
  #left: LeftDownload | undefined;

  /** Asks nobody yet. */
  constructor(options: DownloadPlannerOptions) {
    this.#options = options.download;
    this.#entry = options.entry;
    this.#origin = options.origin;
    this.#tier = options.tier;
    this.#held = options.held;
    this.published = new Published(options.download.vouch);
    this.identity = new DownloadIdentity(options.download, options.entry.key);
  }

  /** Finds out what there is to do. */
  async plan(step: Step): Promise<DownloadPlan> {
    await this.identity.read();
    return await this.#makePlan(step);
  }

  async #makePlan(step: Step): Promise<DownloadPlan> {
    const { cache } = this.#options;
    let known = await this.#look(step);
    if (known.freshness.state === "fresh") return this.#present(known, whyFresh(known));
    if (this.identity.digest === undefined) this.#refuseOffline(known);
    if (!step.dryRun && !this.#locked) {
      const [{ waitForLeader }, use] = await Promise.all([
        import("./beyond_cache.ts"),
        cache.use({ signal: step.signal }),
      ]);
      this.#held.use(use);
      this.#held.use(
        await waitForLeader(this.#entry.entry, cache.partials, this.identity.source, step),
      );
      this.#locked = true;
      const { damaged, freshness } = known;
      known = await this.#look(step);
      // What the first look found damaged it moved away: to the second look it is gone, which is not why.
      if (damaged !== undefined && known.freshness.state === "missing") {
        known = { ...known, freshness };
      }
      if (known.freshness.state === "fresh") return this.#present(known, whyFresh(known));
    }
    if (this.identity.digest !== undefined) {
      if (!step.dryRun) await cache.leases.take(this.identity.digest);
      const blob = await this.#entry.findSound(this.identity.digest, {
        keep: step.dryRun,
        signal: step.signal,
      });
      if (blob !== undefined) {
        const why = "the cache has these bytes already, from another use";
        return { ...this.#present({ ...known, blob }, why), changed: true };
      }
      this.#refuseOffline(known);
    }
    try {
      return await this.#askForIt(known, step);
    } catch (error) {
      const usable = this.#options.staleIfError && known.freshness.state === "stale" &&
        known.record?.value.mustRevalidate !== true;
      if (!usable || !(error instanceof UnreachableError)) throw error;
      step.meter.note(`${error.message}; using what is in the cache`, "warning");
      return this.#present(known, "the origin could not be asked, and the cache has it");
    }
  }

  async #askForIt(known: KnownFile, step: Step): Promise<DownloadPlan> {
    const { detail } = known.freshness as { detail: string };
    const ownRecord = known.freshness.state === "stale" ? known.record?.value : undefined;
    if (this.identity.digest !== undefined) {
      const found = await this.#tier.openPinned(this.identity.digest, step);
      if (found !== undefined) return await this.#tierPlan(found, known, detail, step);
    }
    if (ownRecord !== undefined && ownRecord.digest === await this.published.digest(step)) {
      return this.#stillPublished(known, ownRecord, detail);
    }
    const remembered = ownRecord === undefined && this.identity.digest === undefined
      ? await this.#tier.find(step)
      : undefined;
    const left = await this.#leftByOthers();
    const pending = ownRecord === undefined ? await left?.pending(step) : undefined;
    const unless = ownRecord ?? pending?.validators ?? remembered?.validators;
    const partial = await left?.partial();
    const answer = await this.#origin.ask(step, {
      digestKnown: this.identity.digest !== undefined,
      ...defined({ unless, partial }),
    });
    if (answer.probe.state === "found") {
      return await this.#movingPlan({ ...answer, probe: answer.probe }, known, detail, step);
    }
    if (pending !== undefined) {
      const why = "an earlier run brought it and was stopped before it was done";
      const plan = this.#present({ ...known, blob: pending.blob }, why);
      return { ...plan, changed: true, validators: pending.validators };
    }
    if (remembered === undefined) {
      const plan = this.#present(known, `the origin answered 304 when asked: ${detail}`);
      return { ...plan, confirmed: answer.probe };
    }
    const found = await this.#tier.open(remembered, step);
    if (found !== undefined) return await this.#tierPlan(found, known, detail, step);
    return await this.#movingPlan(await this.askPlainly(step), known, detail, step);
  }

  /** The digest of what is there is published still: nothing changed, and the file itself need not be asked for. */
  #stillPublished(known: KnownFile, record: DownloadRecord, detail: string): DownloadPlan {
    const { etag, lastModified, freshMs = 0, mustRevalidate = false } = record;
    const plan = this.#present(known, `its release still publishes this digest: ${detail}`);
    return {
      ...plan,
      confirmed: {
        state: "unchanged",
        validators: defined({ etag, lastModified }),
        lifetime: { freshMs, mayBeStale: !mustRevalidate },
      },
    };
  }

  /** Asks the origin as if the cache had nothing. */
  async askPlainly(step: Step): Promise<OriginAnswer<FoundProbe>> {
    const partial = await (await this.#leftByOthers())?.partial();
    return await this.#origin.ask(step, {
      digestKnown: this.identity.digest !== undefined,
      ...defined({ partial }),
    });
  }

  /** What earlier runs left, where they left anything. */
  async #leftByOthers(): Promise<LeftDownload | undefined> {
    const { cache } = this.#options;
    if (await cache.partials.find(this.identity.source) === undefined) return undefined;
    const { LeftDownload } = await import("./left_download.ts");
    return this.#left ??= new LeftDownload(cache, this.#entry, this.identity.source);
  }

  /** The plan to bring what the origin answered with. */
  async #movingPlan(
    answer: OriginAnswer<FoundProbe>,
    known: KnownFile,
    why: string,
    step: Step,
  ): Promise<DownloadPlan> {
    const { cache, connections } = this.#options;
    const { response, size = 0 } = answer.probe;
    const cancel = async () => {
      if (!response.bodyUsed) await response.body?.cancel();
    };
    if (step.dryRun) await cancel();
    else this.#held.defer(cancel);
    const { originPlan } = await import("./moving_plan.ts");
    const plan = originPlan(answer, {
      name: this.#entry.name,
      file: this.#file(this.identity.digest, size),
      why,
      ...defined({ connections }),
      furtherRequests: this.identity.digest === undefined ? this.published.requests : 0,
    });
    checkFreeBytes(cache.dir, size - plan.bytesToReuse);
    return { ...plan, ...defined({ record: known.record }) };
  }

  /** The plan to take what the tier has. */
  async #tierPlan(
    found: OpenedInTier,
    known: KnownFile,
    why: string,
    step: Step,
  ): Promise<DownloadPlan> {
    const { digest, size } = found.record;
    if (step.dryRun) found.cancel();
    else this.#held.defer(found.cancel);
    checkFreeBytes(this.#options.cache.dir, size);
    const { tierPlan } = await import("./moving_plan.ts");
    const plan = tierPlan(found, {
      name: this.#entry.name,
      file: this.#file(digest, size),
      why: `${why}, but ${this.#tier.label} has it`,
    });
    return { ...plan, ...defined({ record: known.record }) };
  }

  /** What the cache has; in a run, nobody prunes it from now on while this process lives. */
  async #look(step: Step): Promise<KnownFile> {
    const { refresh, offline, maxAgeMs } = this.#options;
    const policy: DownloadPolicy = {
      refresh: this.identity.moves ? "all" : refresh,
      names: this.identity.names,
      pinned: this.identity.digest !== undefined,
      offline,
      signal: step.signal,
      ...defined({ maxAgeMs }),
      ...(this.identity.moves ? { refreshedFor: "an update was asked for" } : {}),
    };
    return step.dryRun
      ? await this.#entry.look(this.identity.digest, policy)
      : await this.#entry.lookUnderLease(this.identity.digest, policy);
  }

  #refuseOffline({ freshness }: KnownFile): void {
    if (!this.#options.offline) return;
    throw new UnreachableError(
      `Cannot ${this.#options.action} ${this.identity.subject}: ${
        "detail" in freshness ? freshness.detail : freshness.reason
      }, and the network is not to be used`,
      { hint: "run once without --offline" },
    );
  }

  #present(known: KnownFile, why: string): DownloadPlan {
    const blob = known.blob!;
    const { record, rehashed } = known;
    const plan = presentPlan(this.#entry.name, blob, this.#file(blob.digest, blob.size), why);
    return { ...plan, ...defined({ record, rehashed: rehashed || undefined }) };
  }

  #file(digest: Digest | undefined, size: number): CachedFile {
    return { path: this.#entry.path, size, url: this.identity.subject, ...defined({ digest }) };
  }
}

function whyFresh({ freshness, record }: KnownFile): string {
  const since = record?.value.fetched ?? "";
  const reasons: Record<string, string> = {
    "unchanging": "the cache has the pinned digest",
    "not to be asked": `the cache has it since ${since}`,
    "young": `the cache has it since ${since}, and it was confirmed lately`,
    "just confirmed": "it was fetched or confirmed in this run",
  };
  return reasons[freshness.reason] ?? freshness.reason;
}
