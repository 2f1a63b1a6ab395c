/**
 * A file of an origin, kept in the cache: the four steps of the operation that brings it.
 *
 * Invariants: what is fresh is used without asking anybody; refreshing asks and never deletes; the pointer is written after the
 * blob, the blob after its digest is known, so that a kill at any instant leaves the old state or the new one; one
 * process downloads while others wait for it, and whoever comes after a dead one goes on where that one stopped.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import { type Digest, sameDigest } from "../base/digest.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import { UnreachableError, VerificationError } from "../base/errors.ts";
import { silentMeter } from "../base/meter.ts";
import type { CachedBlob } from "../cache/blob_store.ts";
import { buckets } from "../cache/buckets.ts";
import { DownloadEntry, type DownloadPolicy, type KnownFile } from "../cache/download_entry.ts";
import { waitForLeader } from "../cache/wait_for_leader.ts";
import { readControl } from "../http/control_file.ts";
import { displayUrl } from "../http/display_url.ts";
import { defaultConnections, type Downloaded } from "../http/download.ts";
import { readPending, writePending } from "../http/pending_file.ts";
import { Extents } from "../http/extents.ts";
import { checkFileKind } from "../http/file_kind.ts";
import { remainingPieces } from "../http/plan_pieces.ts";
import type { FoundProbe } from "../http/probe.ts";
import { ifRangeOf, type Validators } from "../http/validators.ts";
import type { CachedDownloadOptions, CachedFile } from "./cached_download_options.ts";
import { type DownloadPlan, presentPlan } from "./download_plan.ts";
import type { Operation, Step } from "./operation.ts";
import { type OriginAnswer, OriginSource } from "./origin_source.ts";
import { TierSource } from "./tier_source.ts";

/** What `move` brought: a blob that is there, or a file in a folder of partial data. */
interface Moved {
  blob?: CachedBlob;
  downloaded?: Downloaded;
  folder?: string;
}

/** The operation that keeps one file of an origin in the cache. */
export class CachedDownload implements Operation<DownloadPlan, Moved, CachedFile>, AsyncDisposable {
  /** What kind it is. */
  readonly kind: string;
  /** The URL, without its secrets. */
  readonly subject: string;
  #options: CachedDownloadOptions;
  #entry: DownloadEntry;
  #origin: OriginSource;
  #tier: TierSource;
  #held = new AsyncDisposableStack();
  #locked = false;
  #digest: Digest | undefined;
  #plan: DownloadPlan | undefined;
  #fromOrigin: Downloaded | undefined;

  /** Touches neither disk nor network. */
  constructor(options: CachedDownloadOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.subject = displayUrl(options.url);
    this.#digest = options.digest;
    this.#entry = new DownloadEntry(options.cache, buckets.kexec, options.url);
    this.#origin = this.#held.use(new OriginSource(options));
    this.#tier = new TierSource(options.cache.tier, this.#entry.key);
  }

  /** Ends the connections, and lets go of the locks and of what is half done. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  /** Finds out whether the file is there and fresh, and otherwise asks the origin. */
  async plan(step: Step): Promise<DownloadPlan> {
    const { digest, lockfile } = this.#options;
    this.#digest = digest ?? (await lockfile?.pinned(this.#pinKey, ...this.#names))?.digest;
    return this.#plan = await this.#makePlan(step);
  }

  /** Brings what is missing into a partial file. */
  async move(plan: DownloadPlan, step: Step): Promise<Moved> {
    if (plan.blob !== undefined) {
      step.meter.reused(plan.blob.size);
      return { blob: plan.blob };
    }
    if (plan.fromTier !== undefined) {
      const blob = await this.#tier.take(plan.fromTier, this.#options.cache, step);
      if (blob !== undefined) return { blob };
      return await this.#bring(await this.#askPlainly(step), step);
    }
    return await this.#bring(plan.answer!, step);
  }

  /** Holds digest, kind and contents against what they must be. */
  async verify(plan: DownloadPlan, moved: Moved, step: Step): Promise<void> {
    const { inspect, cache } = this.#options;
    const path = moved.downloaded?.path ?? moved.blob!.path;
    if (moved.downloaded === undefined && plan.fromTier === undefined) return;
    try {
      if (moved.downloaded !== undefined) this.#checkDigest(moved.downloaded);
      if (moved.downloaded !== undefined) await this.#checkVouched(moved.downloaded, step);
      if (this.#digest === undefined) await inspect?.(path, this.#entry.name, step);
    } catch (error) {
      if (error instanceof VerificationError && moved.folder !== undefined) {
        await cache.partials.discard(moved.folder);
      }
      throw error;
    }
    step.record(this.#entry.name, "verified", { why: plan.why });
  }

  /** Moves the data under its digest, then the name, then the pointer. */
  async commit(plan: DownloadPlan, moved: Moved, step: Step): Promise<CachedFile> {
    const { cache } = this.#options;
    const { downloaded, folder } = moved;
    await cache.leases.take(downloaded?.digest ?? moved.blob!.digest);
    if (downloaded !== undefined && folder !== undefined) await writePending(folder, downloaded);
    const blob = downloaded === undefined
      ? moved.blob!
      : await cache.blobs.persistFile(downloaded.path, { verified: downloaded });
    const before = plan.record?.value;
    await this.#entry.write(blob, {
      validators: downloaded?.validators ?? plan.fromTier?.record.validators ?? plan.validators ??
        {},
      lifetime: plan.answer?.probe.lifetime,
      before,
      by: this.kind,
    });
    const left = folder ?? await cache.partials.find(this.#source);
    if (left !== undefined) await cache.partials.discard(left);
    step.record(this.#entry.name, "committed", { digest: blob.digest });
    if (before !== undefined && before.digest !== blob.digest) {
      step.meter.note(
        `${this.subject} changed: ${before.digest} (${before.size} bytes, of ${before.fetched}) ` +
          `is now ${blob.digest} (${blob.size} bytes); the old one stays in the cache`,
      );
      await this.#compare(cache.blobs.path(before.digest), blob.path, step);
    }
    return { path: this.#entry.path, digest: blob.digest, size: blob.size, url: this.subject };
  }

  /** What is there, or what a run would bring. */
  standing(plan: DownloadPlan): CachedFile {
    return plan.file;
  }

  /**
   * After a run: pins what was used for the first time, and lends the tier what came from the origin. After a run that moved
   * nothing it notes the use and what the origin confirmed, and puts a lost name back.
   */
  async settle(
    result: { digest?: Digest; size: number },
    run: { report: (message: string) => void; signal: AbortSignal },
  ): Promise<void> {
    const plan = this.#plan;
    if (plan === undefined) return;
    const { lockfile, digest, cache } = this.#options;
    if (digest === undefined && result.digest !== undefined) {
      await lockfile?.pin(this.#pinKey, { digest: result.digest, size: result.size });
    }
    if (this.#fromOrigin !== undefined) {
      const path = cache.blobs.path(this.#fromOrigin.digest);
      const call = { meter: silentMeter, signal: run.signal };
      await this.#tier.lend(this.#fromOrigin, path, call, run.report);
    }
    if (plan.changed || plan.blob === undefined) return;
    await this.#entry.putName(plan.blob);
    if (plan.rehashed) await this.#entry.noteHashed(plan.blob);
    if (plan.confirmed !== undefined) {
      await this.#entry.confirm(plan.confirmed.validators, plan.confirmed.lifetime);
    } else await this.#entry.entry.touch();
  }

  async #makePlan(step: Step): Promise<DownloadPlan> {
    const { cache } = this.#options;
    let known = await this.#look(step);
    if (known.freshness.state === "fresh") return this.#present(known, whyFresh(known));
    this.#refuseOffline(known);
    if (!step.dryRun && !this.#locked) {
      this.#held.use(await cache.use({ signal: step.signal }));
      this.#held.use(
        await waitForLeader(this.#entry.entry, cache.partials, this.#source, step),
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
    return await this.#movingPlan(await this.#askPlainly(step), known, detail, step);
  }

  /** What an earlier run had moved under its digest when it was killed before the pointer was written. */
  async #pending(
    step: Step,
  ): Promise<{ blob: CachedBlob; validators: Validators } | undefined> {
    const folder = await this.#options.cache.partials.find(this.#source);
    const pending = folder === undefined ? undefined : await readPending(folder);
    if (pending === undefined || ifRangeOf(pending.validators) === undefined) return undefined;
    if (!step.dryRun) await this.#options.cache.leases.take(pending.digest);
    const blob = await this.#entry.findSound(pending.digest, step.dryRun);
    return blob === undefined ? undefined : { blob, validators: pending.validators };
  }

  async #askPlainly(step: Step): Promise<OriginAnswer<FoundProbe>> {
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

  async #bring(answer: OriginAnswer<FoundProbe>, step: Step): Promise<Moved> {
    const { cache } = this.#options;
    const { name } = this.#entry;
    const source = this.#source;
    const folder = await cache.partials.claim(source);
    this.#held.defer(() => cache.partials.release(source, folder));
    using object = step.meter.object(name, answer.probe.size);
    try {
      const downloaded = await this.#origin.bring(answer, {
        folder,
        source,
        object,
        check: (bytes) => checkFileKind(name, bytes, this.subject),
        ...defined({ digest: this.#digest }),
      }, step);
      step.record(name, "moved", { digest: downloaded.digest, size: downloaded.size });
      this.#fromOrigin = downloaded;
      return { downloaded, folder };
    } catch (error) {
      if (error instanceof VerificationError || !answer.probe.ranges) {
        await cache.partials.discard(folder);
      }
      throw error;
    }
  }

  /** Says how two versions differ; that they cannot be compared is no failure. */
  async #compare(before: string, after: string, step: Step): Promise<void> {
    try {
      await this.#options.compare?.(before, after, step);
    } catch (error) {
      step.meter.note(`the two versions cannot be compared: ${(error as Error).message}`);
    }
  }

  /** Holds contents of which no digest is pinned against what somebody else says of them, where he can be asked. */
  async #checkVouched({ digest: actual }: Downloaded, step: Step): Promise<void> {
    const { vouch } = this.#options;
    if (this.#digest !== undefined || vouch === undefined) return;
    let vouched: Digest | undefined;
    try {
      vouched = await vouch(step);
    } catch (error) {
      step.signal.throwIfAborted();
      step.meter.note(`nobody vouches for the contents: ${(error as Error).message}`);
    }
    if (vouched === undefined || sameDigest(vouched, actual)) return;
    throw new VerificationError(
      `Cannot use "${this.subject}": its digest is ${actual}, but ${vouched} was published for it`,
      {
        hint: "it may have been replaced at this moment: try again",
        side: "source",
        data: { expected: vouched, actual },
      },
    );
  }

  #checkDigest({ digest: actual, size }: Downloaded): void {
    const expected = this.#digest;
    if (expected === undefined || sameDigest(expected, actual)) return;
    throw new VerificationError(
      `Cannot use "${this.subject}": its digest is ${actual} instead of ${expected}`,
      {
        hint: this.#options.digest === undefined
          ? "the file changed at its origin; --update accepts the new one"
          : "the file changed at its origin, or the digest is of another one",
        side: "source",
        data: { expected, actual, size },
      },
    );
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
      `Cannot ${this.#options.action} ${this.subject}: ${
        "detail" in freshness ? freshness.detail : freshness.reason
      }, and the network is not to be used`,
      { hint: "run once without --offline" },
    );
  }

  async #partial() {
    const folder = await this.#options.cache.partials.find(this.#source);
    return folder === undefined ? undefined : await readControl(folder, this.#source);
  }

  #present(known: KnownFile, why: string): DownloadPlan {
    const blob = known.blob!;
    const plan = presentPlan(this.#entry.name, blob, this.#file(blob.digest, blob.size), why);
    return known.rehashed === true ? { ...plan, rehashed: true } : plan;
  }

  #file(digest: Digest | undefined, size: number): CachedFile {
    return { path: this.#entry.path, size, url: this.subject, ...defined({ digest }) };
  }

  /** By what partial data is known: its digest where there is one, since that is the same from every mirror. */
  get #source(): string {
    return this.#digest ?? this.#entry.key;
  }

  /** By what names a refresh or an update may name it. */
  get #names(): readonly string[] {
    return [this.#options.url, this.#entry.key, this.kind, ...(this.#options.names ?? [])];
  }

  get #pinKey(): string {
    return `${this.kind} ${this.#entry.key}`;
  }

  /** Whether its pin may move: then the origin is asked. */
  get #moves(): boolean {
    const { digest, lockfile, offline } = this.#options;
    return digest === undefined && !offline &&
      (lockfile?.moves(this.#pinKey, ...this.#names) ?? false);
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
