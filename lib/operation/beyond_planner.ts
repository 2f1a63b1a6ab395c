/**
 * Plans a download that the cache alone cannot answer.
 *
 * Invariants: the team's tier gives what is pinned without asking the origin, and otherwise contents of the digest that the origin or its
 * release says; only a trusted one is believed what an unchanged ETag stands for; what earlier runs left is gone on with.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import type { KnownFile } from "../cache/download_entry.ts";
import type { DownloadRecord } from "../cache/download_record.ts";
import type { TierRecord } from "../cache/tier.ts";
import type { FoundProbe } from "../http/probe.ts";
import type { CachedFile } from "./cached_download_options.ts";
import type { DownloadIdentity } from "./download_identity.ts";
import type { DownloadPlan } from "./download_plan.ts";
import type { DownloadPlannerOptions } from "./download_planner_options.ts";
import type { LeftDownload } from "./left_download.ts";
import type { Step } from "./operation.ts";
import type { OriginAnswer } from "./origin_source.ts";
import type { Published } from "./published.ts";
import type { OpenedInTier } from "./tier_source.ts";

/** What a {@linkcode BeyondPlanner} goes by. */
export interface BeyondPlannerOptions extends DownloadPlannerOptions {
  /** By what the download is known. */
  identity: DownloadIdentity;
  /** What somebody else says of its digest. */
  published: Published;
  /** The plan of what the cache has. */
  present: (known: KnownFile, why: string) => DownloadPlan;
  /** What the download gives. */
  file: (digest: Digest | undefined, size: number) => CachedFile;
}

/** Plans one download beyond the cache. */
export class BeyondPlanner {
  #options: BeyondPlannerOptions;
  #left: LeftDownload | undefined;

  /** Asks nobody yet. */
  constructor(options: BeyondPlannerOptions) {
    this.#options = options;
  }

  /** Asks the tier and the origin for what the cache has not, or may have no longer. */
  async plan(known: KnownFile, step: Step): Promise<DownloadPlan> {
    const { identity, published, origin, tier } = this.#options;
    const { detail } = known.freshness as { detail: string };
    const ownRecord = known.freshness.state === "stale" ? known.record?.value : undefined;
    if (identity.digest !== undefined) {
      const found = await tier.openPinned(identity.digest, step);
      if (found !== undefined) return this.#tierPlan(found, known, detail, step);
    }
    if (ownRecord !== undefined && ownRecord.digest === await published.digest(step)) {
      return this.#stillPublished(known, ownRecord, detail);
    }
    const remembered = ownRecord === undefined && identity.digest === undefined
      ? await tier.believed(step)
      : undefined;
    const left = await this.#leftByOthers();
    const pending = ownRecord === undefined ? await left?.pending(step) : undefined;
    const unless = ownRecord ?? pending?.validators ?? remembered?.validators;
    const partial = await left?.partial();
    const answer = await origin.ask(step, {
      digestKnown: identity.digest !== undefined,
      ...defined({ unless, partial }),
    });
    if (answer.probe.state === "found") {
      const found = { ...answer, probe: answer.probe };
      const opened = await this.#inTier(found, ownRecord, step);
      if (opened !== undefined) {
        const plan = await this.#tierPlan(opened, known, detail, step);
        return { ...plan, lifetime: answer.probe.lifetime };
      }
      return await this.#movingPlan(found, known, detail, step);
    }
    if (pending !== undefined) {
      const why = "an earlier run brought it and was stopped before it was done";
      const plan = this.#options.present({ ...known, blob: pending.blob }, why);
      return { ...plan, changed: true, validators: pending.validators };
    }
    if (remembered === undefined) {
      const plan = this.#options.present(known, `the origin answered 304 when asked: ${detail}`);
      return await this.#isDoubted(step) ? plan : { ...plan, confirmed: answer.probe };
    }
    const found = await this.#isPublished(remembered.digest, step)
      ? await tier.open(remembered, step)
      : undefined;
    if (found !== undefined) return this.#tierPlan(found, known, detail, step);
    return await this.#movingPlan(await this.askPlainly(step), known, detail, step);
  }

  /**
   * What the tier has of the version that the origin answered with: somebody else of the team was here first. Its digest is what the
   * origin or its release says; a trusted tier may say it, where that is another version than the cache has and the two agree on its strong
   * ETag and its size. A mirror's word does not count.
   */
  async #inTier(
    { probe, index }: OriginAnswer<FoundProbe>,
    ownRecord: DownloadRecord | undefined,
    step: Step,
  ): Promise<OpenedInTier | undefined> {
    const { identity, published, tier } = this.#options;
    const isOrigins = index === 0 && probe.partial === undefined;
    if (identity.digest !== undefined || !isOrigins || !tier.isThere) return undefined;
    const { validators, size = -1 } = probe;
    const digest = probe.stated ?? await published.digest(step);
    if (digest !== undefined && !await this.#isPublished(digest, step)) return undefined;
    let record: TierRecord | undefined;
    if (digest !== undefined) record = { digest, size, validators };
    else if (ownRecord !== undefined && validators.etag !== undefined) {
      const believed = await tier.believed(step);
      const agree = believed?.validators.etag === validators.etag && believed.size === size;
      if (agree) record = believed;
    }
    const opened = record === undefined ? undefined : await tier.open(record, step);
    if (opened !== undefined) await probe.response.body?.cancel();
    return opened;
  }

  /** Whether this digest is published, or none at all. */
  async #isPublished(digest: string, step: Step): Promise<boolean> {
    return digest === (await this.#options.published.digest(step) ?? digest);
  }

  /** The digest of what is there is published still: nothing changed, and the file itself need not be asked for. */
  #stillPublished(known: KnownFile, record: DownloadRecord, detail: string): DownloadPlan {
    const { etag, lastModified, freshMs = 0, mustRevalidate = false } = record;
    const plan = this.#options.present(known, `its release still publishes this digest: ${detail}`);
    return {
      ...plan,
      confirmed: {
        state: "unchanged",
        validators: defined({ etag, lastModified }),
        lifetime: { freshMs, mayBeStale: !mustRevalidate },
      },
    };
  }

  /** Whether another digest is published than that of what the origin calls unchanged: then it is asked again next time. */
  async #isDoubted(step: Step): Promise<boolean> {
    const { identity, published } = this.#options;
    const digest = await published.digest(step);
    if (digest === undefined) return false;
    step.meter.note(
      `${identity.subject} is unchanged, says its origin, but ${digest} was published for it; ` +
        "asking again next time",
      "warning",
    );
    return true;
  }

  /** Asks the origin as if the cache had nothing. */
  async askPlainly(step: Step): Promise<OriginAnswer<FoundProbe>> {
    const { identity, origin } = this.#options;
    const partial = await (await this.#leftByOthers())?.partial();
    return await origin.ask(step, {
      digestKnown: identity.digest !== undefined,
      ...defined({ partial }),
    });
  }

  /** What earlier runs left, where they left anything. */
  async #leftByOthers(): Promise<LeftDownload | undefined> {
    const { identity, entry, download: { cache } } = this.#options;
    if (await cache.partials.find(identity.source) === undefined) return undefined;
    const { LeftDownload } = await import("./left_download.ts");
    return this.#left ??= new LeftDownload(cache, entry, identity.source);
  }

  /** The plan to bring what the origin answered with. */
  async #movingPlan(
    answer: OriginAnswer<FoundProbe>,
    known: KnownFile,
    why: string,
    step: Step,
  ): Promise<DownloadPlan> {
    const { identity, published, entry, held, file } = this.#options;
    const { cache, connections } = this.#options.download;
    const { response, size = 0 } = answer.probe;
    const cancel = async () => {
      if (!response.bodyUsed) await response.body?.cancel();
    };
    if (step.dryRun) await cancel();
    else held.defer(cancel);
    const { originPlan } = await import("./moving_plan.ts");
    const plan = originPlan(answer, {
      name: entry.name,
      file: file(identity.digest, size),
      why,
      ...defined({ connections }),
      furtherRequests: identity.digest === undefined ? published.requests : 0,
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
    const { entry, tier, held, file } = this.#options;
    const { digest, size } = found.record;
    if (step.dryRun) found.cancel();
    else held.defer(found.cancel);
    const { tierPlan } = await import("./moving_plan.ts");
    const plan = tierPlan(found, {
      name: entry.name,
      file: file(digest, size),
      why: `${why}, but ${tier.label} has it`,
    });
    return { ...plan, ...defined({ record: known.record }) };
  }
}
