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
import type { CachedBlob } from "../cache/blob_store.ts";
import type { DownloadEntry, DownloadPolicy, KnownFile } from "../cache/download_entry.ts";
import { waitForLeader } from "../cache/wait_for_leader.ts";
import { type Control, readControl } from "../http/control_file.ts";
import { displayUrl } from "../http/display_url.ts";

import { Extents } from "../http/extents.ts";
import { readPending } from "../http/pending_file.ts";
import { defaultConnections, remainingPieces } from "../http/plan_pieces.ts";
import type { FoundProbe } from "../http/probe.ts";
import { ifRangeOf, type Validators } from "../http/validators.ts";
import type { CachedDownloadOptions, CachedFile } from "./cached_download_options.ts";
import { type DownloadPlan, presentPlan } from "./download_plan.ts";
import type { Step } from "./operation.ts";
import type { OriginAnswer, OriginSource } from "./origin_source.ts";
import type { TierSource } from "./tier_source.ts";

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
  #options: CachedDownloadOptions;
  #entry: DownloadEntry;
  #origin: OriginSource;
  #tier: TierSource;
  #held: AsyncDisposableStack;
  #locked = false;
  #digest: Digest | undefined;

  /** Asks nobody yet. */
  constructor(options: DownloadPlannerOptions) {
    this.#options = options.download;
    this.#entry = options.entry;
    this.#origin = options.origin;
    this.#tier = options.tier;
    this.#held = options.held;
    this.#digest = options.download.digest;
  }

  /** The digest that the contents must have: the caller's, else the lockfile's. */
  get digest(): Digest | undefined {
    return this.#digest;
  }

  /** By what partial data is known: its digest where there is one, since that is the same from every mirror. */
  get source(): string {
    return this.#digest ?? this.#entry.key;
  }

  /** What the lockfile calls it. */
  get pinKey(): string {
    return `${this.#options.kind} ${this.#entry.key}`;
  }

  /** Finds out what there is to do. */
  async plan(step: Step): Promise<DownloadPlan> {
    const { digest, lockfile } = this.#options;
    this.#digest = digest ?? (await lockfile?.pinned(this.pinKey, ...this.#names))?.digest;
    return await this.#makePlan(step);
  }

  async #makePlan(step: Step): Promise<DownloadPlan> {
    const { cache } = this.#options;
    let known = await this.#look(step);
    if (known.freshness.state === "fresh") return this.#present(known, whyFresh(known));
    this.#refuseOffline(known);
    if (!step.dryRun && !this.#locked) {
      this.#held.use(await cache.use({ signal: step.signal }));
      this.#held.use(
        await waitForLeader(this.#entry.entry, cache.partials, this.source, step),
      );
      this.#locked = true;
      known = await this.#look(step);
      if (known.freshness.state === "fresh") return this.#present(known, whyFresh(known));
    }
    if (this.#digest !== undefined) {
      if (!step.dryRun) await cache.leases.take(this.#digest);
      const blob = await this.#entry.findSound(this.#digest, step.dryRun);
      if (blob !== undefined) {
        const plan = this.#present(
          { ...known, blob },
          "the cache has the same bytes from elsewhere",
        );
        return { ...plan, changed: true, ...defined({ record: known.record }) };
      }
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
    if (this.#digest !== undefined) {
      const found = await this.#tier.openPinned(this.#digest, step);
      if (found !== undefined) return this.#tierPlan(found, known, detail, step);
    }
    const remembered = ownRecord === undefined && this.#digest === undefined
      ? await this.#tier.find(step)
      : undefined;
    const pending = ownRecord === undefined ? await this.#pending(step) : undefined;
    const unless = ownRecord ?? pending?.validators ?? remembered?.validators;
    const partial = await this.#partial();
    const answer = await this.#origin.ask(step, {
      digestKnown: this.#digest !== undefined,
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
    if (found !== undefined) return this.#tierPlan(found, known, detail, step);
    return await this.#movingPlan(await this.askPlainly(step), known, detail, step);
  }

  /** What an earlier run had moved under its digest when it was killed before the pointer was written. */
  async #pending(
    step: Step,
  ): Promise<{ blob: CachedBlob; validators: Validators } | undefined> {
    const folder = await this.#options.cache.partials.find(this.source);
    const pending = folder === undefined ? undefined : await readPending(folder);
    if (pending === undefined || ifRangeOf(pending.validators) === undefined) return undefined;
    if (!step.dryRun) await this.#options.cache.leases.take(pending.digest);
    const blob = await this.#entry.findSound(pending.digest, step.dryRun);
    return blob === undefined ? undefined : { blob, validators: pending.validators };
  }

  /** Asks the origin as if the cache had nothing. */
  async askPlainly(step: Step): Promise<OriginAnswer<FoundProbe>> {
    const partial = await this.#partial();
    const answer = await this.#origin.ask(step, {
      digestKnown: this.#digest !== undefined,
      ...defined({ partial }),
    });
    if (answer.probe.state === "found") return { ...answer, probe: answer.probe };
    throw new UnreachableError(`Cannot ${this.#options.action}: the origin answered 304 unasked`);
  }

  async #movingPlan(
    answer: OriginAnswer<FoundProbe>,
    known: KnownFile,
    why: string,
    step: Step,
  ): Promise<DownloadPlan> {
    const { cache, connections = defaultConnections } = this.#options;
    const found = answer.probe;
    const cancel = async () => {
      if (!found.response.bodyUsed) await found.response.body?.cancel();
    };
    if (step.dryRun) await cancel();
    else this.#held.defer(cancel);
    const done = new Extents(found.partial?.done ?? []);
    const present = done.bytes;
    const size = found.size ?? 0;
    checkFreeBytes(cache.dir, size - present);
    return {
      changed: true,
      bytesToMove: found.size === undefined ? Infinity : size - present,
      bytesToReuse: present,
      exact: found.size !== undefined,
      requests: remainingPieces(found, done, connections).length +
        (this.#digest === undefined && this.#options.vouch !== undefined ? 1 : 0),
      why: why + (present === 0 ? "" : `; ${present} bytes are there from an earlier run`),
      objects: [{
        label: this.#entry.name,
        state: "missing",
        ...defined({ sizeBytes: found.size }),
      }],
      file: this.#file(this.#digest, size),
      answer,
      ...defined({ record: known.record }),
    };
  }

  #tierPlan(
    found: NonNullable<DownloadPlan["fromTier"]>,
    known: KnownFile,
    why: string,
    step: Step,
  ): DownloadPlan {
    const { digest, size } = found.record;
    if (step.dryRun) found.cancel();
    else this.#held.defer(found.cancel);
    checkFreeBytes(this.#options.cache.dir, size);
    return {
      changed: true,
      bytesToMove: size,
      bytesToReuse: 0,
      exact: true,
      requests: 0,
      why: `${why}, but ${this.#tier.label} has it`,
      objects: [{ label: this.#entry.name, state: "missing", sizeBytes: size }],
      file: this.#file(digest, size),
      fromTier: found,
      ...defined({ record: known.record }),
    };
  }

  /** What the cache has; in a run, nobody prunes it from now on while this process lives. */
  async #look(step: Step): Promise<KnownFile> {
    const { refresh, offline, maxAgeMs } = this.#options;
    const policy: DownloadPolicy = {
      refresh: this.#moves ? "all" : refresh,
      names: this.#names,
      pinned: this.#digest !== undefined,
      offline,
      ...defined({ maxAgeMs }),
    };
    return step.dryRun
      ? await this.#entry.look(this.#digest, policy)
      : await this.#entry.lookUnderLease(this.#digest, policy);
  }

  #refuseOffline({ freshness }: KnownFile): void {
    if (!this.#options.offline) return;
    throw new UnreachableError(
      `Cannot ${this.#options.action} ${this.#subject}: ${
        "detail" in freshness ? freshness.detail : freshness.reason
      }, and the network is not to be used`,
      { hint: "run once without --offline" },
    );
  }

  async #partial(): Promise<Control | undefined> {
    const folder = await this.#options.cache.partials.find(this.source);
    return folder === undefined ? undefined : await readControl(folder, this.source);
  }

  #present(known: KnownFile, why: string): DownloadPlan {
    const blob = known.blob!;
    const plan = presentPlan(this.#entry.name, blob, this.#file(blob.digest, blob.size), why);
    return known.rehashed === true ? { ...plan, rehashed: true } : plan;
  }

  #file(digest: Digest | undefined, size: number): CachedFile {
    return { path: this.#entry.path, size, url: this.#subject, ...defined({ digest }) };
  }

  /** By what names a refresh or an update may name it. */
  get #names(): readonly string[] {
    return [this.#options.url, this.#entry.key, this.#options.kind, ...(this.#options.names ?? [])];
  }

  /** Whether its pin may move: then the origin is asked. */
  get #moves(): boolean {
    const { digest, lockfile, offline } = this.#options;
    return digest === undefined && !offline &&
      (lockfile?.moves(this.pinKey, ...this.#names) ?? false);
  }

  /** The URL, without its secrets. */
  get #subject(): string {
    return displayUrl(this.#options.url);
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
