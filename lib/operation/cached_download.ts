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
import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { silentMeter } from "../base/meter.ts";
import type { CachedBlob } from "../cache/cached_blob.ts";
import { buckets } from "../cache/buckets.ts";
import type { EntryRecord } from "../cache/entry_record.ts";
import { DownloadEntry } from "../cache/download_entry.ts";
import type { DownloadRecord } from "../cache/download_record.ts";
import { displayUrl } from "../http/display_url.ts";
import type { Downloaded } from "../http/download_options.ts";
import type { FoundProbe } from "../http/probe.ts";
import type { CachedDownloadOptions, CachedFile, Inspector } from "./cached_download_options.ts";
import type { DownloadPlan } from "./download_plan.ts";
import { DownloadPlanner } from "./download_planner.ts";
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
  #planner: DownloadPlanner;
  #held = new AsyncDisposableStack();
  #plan: DownloadPlan | undefined;
  #inspector: Inspector | undefined;
  #fromOrigin: Downloaded | undefined;

  /** Touches neither disk nor network. */
  constructor(options: CachedDownloadOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.subject = displayUrl(options.url);
    this.#entry = new DownloadEntry(options.cache, buckets.kexec, options.url);
    this.#origin = this.#held.use(new OriginSource(options));
    this.#tier = new TierSource(options.cache, this.#entry.key, options.rateLimit);
    this.#planner = new DownloadPlanner({
      download: options,
      entry: this.#entry,
      origin: this.#origin,
      tier: this.#tier,
      held: this.#held,
    });
  }

  /** The pointer as it stood before the run; `undefined` where there was none. */
  get before(): EntryRecord<DownloadRecord> | undefined {
    return this.#plan?.record;
  }

  /** Ends the connections, and lets go of the locks and of what is half done. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  /** Finds out whether the file is there and fresh, and otherwise asks the origin. */
  async plan(step: Step): Promise<DownloadPlan> {
    this.#plan = await this.#planner.plan(step);
    const inspect =
      this.#planner.identity.digest === undefined && !step.dryRun && this.#plan.changed
        ? this.#options.inspect
        : undefined;
    this.#inspector = inspect === undefined
      ? undefined
      : this.#held.use(await inspect(this.#entry.name));
    return this.#plan;
  }

  /** Brings what is missing into a partial file. */
  async move(plan: DownloadPlan, step: Step): Promise<Moved> {
    if (plan.blob !== undefined) {
      step.meter.reused(plan.blob.size);
      return { blob: plan.blob };
    }
    if (plan.fromTier !== undefined) {
      const blob = await this.#tier.take(plan.fromTier, step);
      if (blob !== undefined) return { blob };
      return await this.#bring(await this.#planner.askPlainly(step), step);
    }
    return await this.#bring(plan.answer!, step);
  }

  /** Holds digest, kind and contents against what they must be. */
  async verify(plan: DownloadPlan, moved: Moved, step: Step): Promise<void> {
    const { cache } = this.#options;
    const { digest } = this.#planner.identity;
    const path = moved.downloaded?.path ?? moved.blob!.path;
    if (moved.downloaded === undefined && plan.fromTier === undefined) return;
    try {
      if (moved.downloaded !== undefined) {
        const { checkDigest, checkPublished } = await import("./check_download.ts");
        const isCallers = this.#options.digest !== undefined;
        checkDigest(moved.downloaded, digest, this.subject, isCallers);
        if (digest === undefined) {
          const published = await this.#planner.published.digest(step);
          for (const said of [published, moved.downloaded.stated]) {
            checkPublished(moved.downloaded, said, this.subject);
          }
        }
      }
      await this.#inspector?.finish(path, moved.downloaded?.size ?? moved.blob!.size, step);
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
    if (downloaded !== undefined && folder !== undefined) {
      const { writePending } = await import("../http/pending_file.ts");
      await writePending(folder, downloaded);
    }
    const blob = downloaded === undefined
      ? moved.blob!
      : await cache.blobs.persistFile(downloaded.path, { verified: downloaded });
    const before = plan.record?.value;
    await this.#entry.write(blob, {
      validators: downloaded?.validators ?? plan.fromTier?.record.validators ?? plan.validators ??
        {},
      lifetime: downloaded?.lifetime ?? plan.lifetime,
      before,
      by: this.kind,
    });
    const left = folder ?? await cache.partials.find(this.#planner.identity.source);
    if (left !== undefined) await cache.partials.discard(left);
    step.record(this.#entry.name, "committed", { digest: blob.digest });
    if (before !== undefined && before.digest !== blob.digest) {
      const old = await cache.blobs.find(before.digest);
      step.meter.note(
        `${this.subject} changed: ${before.digest} (${before.size} bytes, of ${before.fetched}) ` +
          `is now ${blob.digest} (${blob.size} bytes)` +
          (old === undefined ? "" : "; the old one stays in the cache"),
      );
      if (old !== undefined) await this.#compare(old.path, blob.path, step);
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
      await lockfile?.pin(this.#planner.identity.pinKey, {
        digest: result.digest,
        size: result.size,
      });
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

  async #bring(answer: OriginAnswer<FoundProbe>, step: Step): Promise<Moved> {
    const { cache } = this.#options;
    const { name } = this.#entry;
    const source = this.#planner.identity.source;
    const { checkFileKind } = await import("../http/file_kind.ts");
    const folder = await cache.partials.claim(source);
    this.#held.defer(() => cache.partials.release(source, folder));
    using object = step.meter.object(name, answer.probe.size);
    try {
      const downloaded = await this.#origin.bring(answer, {
        folder,
        source,
        object,
        check: (bytes) => checkFileKind(name, bytes, this.subject),
        ...defined({ digest: this.#planner.identity.digest, follower: this.#inspector }),
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
  /** Says how two versions differ; that they cannot be compared is not a failure. */
  async #compare(before: string, after: string, step: Step): Promise<void> {
    try {
      await this.#options.compare?.(before, after, step);
    } catch (error) {
      step.meter.note(`the two versions cannot be compared: ${(error as Error).message}`);
    }
  }
}
