/**
 * Finds out what a cached download has to do: whether the file is there and fresh, and otherwise where it is to be had.
 *
 * Invariants: the cache is asked before anybody else, and where it is enough nothing is loaded to ask them; nothing is written but locks and leases, and not even
 * these in a dry run; who comes second waits for the first and looks again.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { UnreachableError } from "../base/errors.ts";
import type { DownloadPolicy, KnownFile } from "../cache/download_entry.ts";
import type { FoundProbe } from "../http/probe.ts";
import type { BeyondPlanner } from "./beyond_planner.ts";
import type { CachedFile } from "./cached_download_options.ts";
import { DownloadIdentity } from "./download_identity.ts";
import { type DownloadPlan, presentPlan } from "./download_plan.ts";
import type { DownloadPlannerOptions } from "./download_planner_options.ts";
import type { Step } from "./operation.ts";
import type { OriginAnswer } from "./origin_source.ts";
import { Published } from "./published.ts";

/** Plans one cached download. */
export class DownloadPlanner {
  /** By what it is known. */
  readonly identity: DownloadIdentity;
  /** What somebody else says of its digest. */
  readonly published: Published;
  #options: DownloadPlannerOptions;
  #locked = false;

  /** Asks nobody yet. */
  constructor(options: DownloadPlannerOptions) {
    this.#options = options;
    this.published = new Published(options.download.vouch);
    this.identity = new DownloadIdentity(options.download, options.entry);
  }

  /** Finds out what there is to do. */
  async plan(step: Step): Promise<DownloadPlan> {
    await this.identity.read();
    return await this.#makePlan(step);
  }

  async #makePlan(step: Step): Promise<DownloadPlan> {
    const { entry, held, download: { cache, staleIfError } } = this.#options;
    let known = await this.#look(step);
    if (known.freshness.state === "fresh") return this.#present(known, whyFresh(known));
    if (this.identity.digest === undefined) this.#refuseOffline(known);
    if (!step.dryRun && !this.#locked) {
      const [{ waitForLeader }, use] = await Promise.all([
        import("./beyond_cache.ts"),
        cache.use({ signal: step.signal }),
      ]);
      held.use(use);
      held.use(
        await waitForLeader(entry.entry, cache.partials, this.identity.source, step),
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
      const blob = await entry.findSound(this.identity.digest, {
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
      return await (await this.#beyond()).plan(known, step);
    } catch (error) {
      const usable = staleIfError && known.freshness.state === "stale" &&
        known.record?.value.mustRevalidate !== true;
      if (!usable || !(error instanceof UnreachableError)) throw error;
      step.meter.note(`${error.message}; using what is in the cache`, "warning");
      return this.#present(known, "the origin could not be asked, and the cache has it");
    }
  }

  /** Asks the origin as if the cache had nothing. */
  async askPlainly(step: Step): Promise<OriginAnswer<FoundProbe>> {
    return await (await this.#beyond()).askPlainly(step);
  }

  async #beyond(): Promise<BeyondPlanner> {
    const { BeyondPlanner } = await import("./beyond_cache.ts");
    return new BeyondPlanner({
      ...this.#options,
      identity: this.identity,
      published: this.published,
      present: (known, why) => this.#present(known, why),
      file: (digest, size) => this.#file(digest, size),
    });
  }

  /** What the cache has; in a run, nobody prunes it from now on while this process lives. */
  async #look(step: Step): Promise<KnownFile> {
    const { entry, download: { refresh, offline, maxAgeMs } } = this.#options;
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
      ? await entry.look(this.identity.digest, policy)
      : await entry.lookUnderLease(this.identity.digest, policy);
  }

  #refuseOffline({ freshness }: KnownFile): void {
    const { offline, action } = this.#options.download;
    if (!offline) return;
    throw new UnreachableError(
      `Cannot ${action} ${this.identity.subject}: ${
        "detail" in freshness ? freshness.detail : freshness.reason
      }, and the network is not to be used`,
      { hint: "run once without --offline" },
    );
  }

  #present(known: KnownFile, why: string): DownloadPlan {
    const blob = known.blob!;
    const { record, rehashed } = known;
    const plan = presentPlan(
      this.#options.entry.name,
      blob,
      this.#file(blob.digest, blob.size),
      why,
    );
    return { ...plan, ...defined({ record, rehashed: rehashed || undefined }) };
  }

  #file(digest: Digest | undefined, size: number): CachedFile {
    const { path } = this.#options.entry;
    return { path, size, url: this.identity.subject, ...defined({ digest }) };
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
