/**
 * A file of an origin, kept in the cache: the four steps of the operation that brings it.
 *
 * Invariants: what is fresh is used without asking anybody; refreshing asks and never deletes; the pointer is written after the
 * blob, the blob after its digest is known, so that a kill at any instant leaves the old state or the new one; one
 * process downloads while others wait for it, and whoever comes after a dead one goes on where that one stopped.
 *
 * @module
 */
import * as v from "valibot";
import { defined } from "../base/defined.ts";
import { type Digest, isDigest, sameDigest } from "../base/digest.ts";
import { UnreachableError, VerificationError } from "../base/errors.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import { HttpClient } from "../http/client.ts";
import { readControl } from "../http/control_file.ts";
import { displayUrl } from "../http/display_url.ts";
import {
  defaultConnections,
  download,
  type Downloaded,
  type DownloadOptions,
} from "../http/download.ts";
import { Extents } from "../http/extents.ts";
import { checkFileKind } from "../http/file_kind.ts";
import { remainingPieces } from "../http/plan_pieces.ts";
import { type FoundProbe, probe, type ProbeRequest } from "../http/probe.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import { Transport } from "../http/transport.ts";
import type { Validators } from "../http/validators.ts";
import type { Plan } from "../operation/figures.ts";
import type { Operation, Step } from "../operation/operation.ts";
import type { CachedBlob } from "./blob_store.ts";
import { buckets } from "./buckets.ts";
import type { Cache } from "./cache.ts";
import type { CacheEntry, EntryRecord } from "./cache_entry.ts";
import { type Freshness, freshnessOf } from "./freshness.ts";
import { isNamed, nameBlob, namedFilePath } from "./named_file.ts";
import type { Lockfile } from "./lockfile.ts";
import type { Refresh } from "./refresh.ts";
import { fileNameOf, urlKey } from "./url_key.ts";
import { waitForLeader } from "./wait_for_leader.ts";

const digestSchema = v.custom<Digest>((data) => typeof data === "string" && isDigest(data));

/** What the pointer of a downloaded file says. */
export const downloadSchema = v.looseObject({
  digest: digestSchema,
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  name: v.string(),
  fetched: v.string(),
  checkedMs: v.number(),
  etag: v.exactOptional(v.string()),
  lastModified: v.exactOptional(v.string()),
  previous: v.exactOptional(
    v.array(v.looseObject({ digest: digestSchema, size: v.number(), fetched: v.string() })),
  ),
});

/** What the pointer of a downloaded file says. */
export type DownloadRecord = v.InferOutput<typeof downloadSchema>;

/** What is to be had, and how. */
export interface CachedDownloadOptions {
  /** Where it is kept. */
  cache: Cache;
  /** What kind of operation it is: `kexec`. */
  kind: string;
  /** What is being done, for messages: `fetch the kexec bundle`. */
  action: string;
  /** The original URL. */
  url: string;
  /** Other URLs of the same contents, tried in their order where the first fails. */
  mirrors?: readonly string[];
  /** The digest that the contents must have. */
  digest?: Digest;
  /** Headers of every request. */
  headers?: Record<string, string>;
  /** What is to be asked again. */
  refresh: Refresh;
  /** By what further names a refresh may name it. */
  names?: readonly string[];
  /** After what time it is asked again, in milliseconds. @default {never} */
  maxAgeMs?: number;
  /** Whether what is in the cache is used where asking again fails. @default {false} */
  staleIfError?: boolean;
  /** Whether no remote may be asked. */
  offline: boolean;
  /** Where its digest is pinned at the first use; a digest of its own takes precedence. */
  lockfile?: Lockfile;
  /** The most connections. @default {8} */
  connections?: number;
  /** How requests are tried again. */
  retry?: RetryPolicy;
  /** How long a connection may bring nothing, in milliseconds. @default {30_000} */
  idleTimeoutMs?: number;
  /** Looks into the file before it is kept; throws if it is not what it should be. */
  inspect?: (path: string, name: string, step: Step) => Promise<void>;
}

/** What a download gives. */
export interface CachedFile {
  /** The file under its own name; its path is always the same for a URL, and its contents must not be changed. */
  path: string;
  /** The digest of its contents; absent only in a dry run of what is not known yet. */
  digest?: Digest;
  /** Its size in bytes; 0 in a dry run where the origin does not tell. */
  size: number;
  /** Where it comes from. */
  url: string;
}

interface DownloadPlan extends Plan {
  file: CachedFile;
  blob?: CachedBlob;
  record?: EntryRecord<DownloadRecord>;
  probe?: FoundProbe;
  request?: ProbeRequest;
  /** The origin said that nothing changed. */
  confirmed?: Validators;
}

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
  #key: string;
  #name: string;
  #source: string;
  #path: string;
  #entry: CacheEntry<DownloadRecord>;
  #transport: Transport;
  #held = new AsyncDisposableStack();
  #locked = false;
  #digest: Digest | undefined;
  #plan: DownloadPlan | undefined;

  /** Touches neither disk nor network. */
  constructor(options: CachedDownloadOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.subject = displayUrl(options.url);
    this.#key = urlKey(options.url);
    this.#name = fileNameOf(options.url);
    this.#digest = options.digest;
    this.#source = options.digest ?? this.#key;
    this.#path = namedFilePath(options.cache.dir, this.#key, this.#name);
    this.#entry = options.cache.entry(buckets.kexec, this.#key, downloadSchema);
    this.#transport = this.#held.use(
      new Transport(defined({ connections: options.connections })),
    );
  }

  /** Ends the connections, and lets go of the locks and of what is half done. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  /** Finds out whether the file is there and fresh, and otherwise asks the origin. */
  async plan(step: Step): Promise<DownloadPlan> {
    const { digest, lockfile } = this.#options;
    if (digest === undefined) {
      this.#digest = (await lockfile?.pinned(this.#pinKey, ...this.#names))?.digest;
      this.#source = this.#digest ?? this.#key;
    }
    return this.#plan = await this.#makePlan(step);
  }

  /** Brings what is missing into a partial file. */
  async move(plan: DownloadPlan, step: Step): Promise<Moved> {
    const { cache } = this.#options;
    if (plan.blob !== undefined) {
      step.meter.reused(plan.blob.size);
      return { blob: plan.blob };
    }
    const folder = await cache.partials.claim(this.#source);
    this.#held.defer(() => cache.partials.release(this.#source, folder));
    const digest = this.#digest;
    const found = await this.#sameProbe(plan, folder, step);
    using object = step.meter.object(this.#name, found.size);
    try {
      const downloaded = await download({
        client: this.#client(step),
        request: plan.request!,
        probe: found,
        folder,
        source: this.#source,
        ...(digest === undefined ? {} : { digest }),
        meter: step.meter,
        object,
        signal: step.signal,
        check: (bytes) => checkFileKind(this.#name, bytes, this.subject),
        ...this.#limits(),
      });
      step.record(this.#name, "moved", { digest: downloaded.digest, size: downloaded.size });
      return { downloaded, folder };
    } catch (error) {
      if (error instanceof VerificationError || !found.ranges) {
        await cache.partials.discard(folder);
      }
      throw error;
    }
  }

  /** Holds digest, kind and contents against what they must be. */
  async verify(plan: DownloadPlan, moved: Moved, step: Step): Promise<void> {
    const { inspect, cache } = this.#options;
    const digest = this.#digest;
    const { downloaded, folder } = moved;
    if (downloaded === undefined || folder === undefined) return;
    try {
      if (digest !== undefined && !sameDigest(digest, downloaded.digest)) {
        throw new VerificationError(
          `Cannot use "${this.subject}": its digest is ${downloaded.digest} instead of ${digest}`,
          {
            hint: this.#options.digest === undefined
              ? "the file changed at its origin; --update accepts the new one"
              : "the file changed at its origin, or the digest is of another one",
            side: "source",
            data: { expected: digest, actual: downloaded.digest, size: downloaded.size },
          },
        );
      }
      await inspect?.(downloaded.path, this.#name, step);
    } catch (error) {
      if (error instanceof VerificationError) await cache.partials.discard(folder);
      throw error;
    }
    step.record(this.#name, "verified", { digest: downloaded.digest, why: plan.why });
  }

  /** Moves the data under its digest, then the name, then the pointer. */
  async commit(plan: DownloadPlan, moved: Moved, step: Step): Promise<CachedFile> {
    const { cache } = this.#options;
    const { downloaded, folder } = moved;
    await cache.leases.take(downloaded?.digest ?? moved.blob!.digest);
    const blob = downloaded === undefined ? moved.blob! : await cache.blobs.persistFile(
      downloaded.path,
      { verified: downloaded },
    );
    if (folder !== undefined) await cache.partials.discard(folder);
    await nameBlob(this.#path, blob, (folder) => cache.ensure(folder));
    const now = cache.now();
    const before = plan.record?.value;
    const previous = previousOf(before, blob.digest);
    const value: DownloadRecord = {
      digest: blob.digest,
      size: blob.size,
      name: this.#name,
      fetched: new Date(now).toISOString(),
      checkedMs: now,
      ...(downloaded?.validators ?? {}),
      ...(previous.length === 0 ? {} : { previous }),
    };
    await this.#entry.write(value, {
      refs: [blob.digest, ...previous.map((each) => each.digest)],
      by: this.kind,
    });
    step.record(this.#name, "committed", { digest: blob.digest });
    if (before !== undefined && before.digest !== blob.digest) {
      step.meter.note(
        `${this.subject} changed: ${before.digest} (${before.size} bytes, of ${before.fetched}) ` +
          `is now ${blob.digest} (${blob.size} bytes); the old one stays in the cache`,
      );
    }
    return { path: this.#path, digest: blob.digest, size: blob.size, url: this.subject };
  }

  /** What is there, or what a run would bring. */
  standing(plan: DownloadPlan): CachedFile {
    return plan.file;
  }

  /**
   * After a run: pins what was used for the first time. After one that moved nothing it also notes the use and what the origin
   * confirmed, and puts a lost name back.
   */
  async settle(result: { digest?: Digest; size: number }): Promise<void> {
    const plan = this.#plan;
    if (plan === undefined) return;
    const { cache, lockfile, digest } = this.#options;
    if (digest === undefined && result.digest !== undefined) {
      await lockfile?.pin(this.#pinKey, { digest: result.digest, size: result.size });
    }
    if (plan.changed || plan.blob === undefined) return;
    if (!await isNamed(this.#path, plan.blob)) {
      await nameBlob(this.#path, plan.blob, (folder) => cache.ensure(folder));
    }
    if (plan.confirmed !== undefined) {
      await this.#entry.update({ checkedMs: cache.now(), ...plan.confirmed });
    } else {
      await this.#entry.touch();
    }
  }

  async #makePlan(step: Step): Promise<DownloadPlan> {
    const { cache } = this.#options;
    let known = await this.#lookUnderLease(step);
    if (known.freshness.state === "fresh") return this.#standingPlan(known, whyFresh(known));
    this.#refuseOffline(known.freshness);
    if (!step.dryRun && !this.#locked) {
      this.#held.use(await cache.use({ signal: step.signal }));
      this.#held.use(await waitForLeader(this.#entry, cache.partials, this.#source, step));
      this.#locked = true;
      known = await this.#lookUnderLease(step);
      if (known.freshness.state === "fresh") return this.#standingPlan(known, whyFresh(known));
    }
    if (this.#digest !== undefined) {
      if (!step.dryRun) await cache.leases.take(this.#digest);
      const blob = await cache.blobs.find(this.#digest);
      if (blob !== undefined) return this.#reusePlan(blob, known);
    }
    try {
      return await this.#askOrigin(known, step);
    } catch (error) {
      const usable = this.#options.staleIfError && known.freshness.state === "stale";
      if (!usable || !(error instanceof UnreachableError)) throw error;
      step.meter.note(`${error.message}; using what is in the cache`, "warning");
      return this.#standingPlan(known, "the origin could not be asked, and the cache has it");
    }
  }

  /** What the cache has; nobody prunes it from now on while this process lives. */
  async #lookUnderLease(step: Step): Promise<Known> {
    const known = await this.#look();
    if (step.dryRun || known.blob === undefined) return known;
    await this.#options.cache.leases.take(known.blob.digest);
    return await this.#look();
  }

  /** What the cache has, and whether it may be used. */
  async #look(): Promise<Known> {
    const { cache } = this.#options;
    const digest = this.#digest;
    const { record, miss } = await this.#entry.lookup();
    if (record === undefined) {
      const detail = miss.reason === "absent"
        ? "it is not in the cache"
        : `its entry cannot be read: ${miss.detail}`;
      return { freshness: { state: "missing", reason: miss.reason, detail } };
    }
    const { value } = record;
    if (digest !== undefined && !sameDigest(digest, value.digest)) {
      const detail = `the cache has it with the digest ${value.digest}`;
      return { freshness: { state: "missing", reason: "other digest", detail }, record };
    }
    const blob = await cache.blobs.find(value.digest, value.size);
    if (blob === undefined) {
      const detail = "its contents are gone from the cache";
      return { freshness: { state: "missing", reason: "contents gone", detail }, record };
    }
    const freshness = freshnessOf(value.checkedMs, {
      refresh: this.#moves ? "all" : this.#options.refresh,
      names: this.#names,
      pinned: digest !== undefined,
      offline: this.#options.offline,
      ...defined({ maxAgeMs: this.#options.maxAgeMs }),
    }, { nowMs: cache.now(), runStartedMs: cache.startedMs });
    return { freshness, record, blob };
  }

  async #askOrigin(known: Known, step: Step): Promise<DownloadPlan> {
    const { url, mirrors = [], headers, action } = this.#options;
    const digest = this.#digest;
    const { detail } = known.freshness as { detail: string };
    const client = this.#client(step);
    const folder = await this.#options.cache.partials.find(this.#source);
    const partial = folder === undefined ? undefined : await readControl(folder, this.#source);
    const unless = known.freshness.state === "stale" ? known.record?.value : undefined;
    for (const [index, candidate] of [url, ...mirrors].entries()) {
      const request: ProbeRequest = {
        url: candidate,
        action,
        digestKnown: digest !== undefined,
        ...(headers === undefined || index > 0 ? {} : { headers }),
        ...(unless === undefined || index > 0 ? {} : { unless }),
        ...(partial === undefined ? {} : { partial }),
      };
      try {
        const answer = await probe(client, request);
        if (answer.state === "unchanged") {
          const plan = this.#standingPlan(known, `the origin answered 304 when asked: ${detail}`);
          return { ...plan, confirmed: answer.validators };
        }
        return await this.#movingPlan(answer, request, known, detail, step);
      } catch (error) {
        step.signal.throwIfAborted();
        if (index === mirrors.length) throw error;
        step.meter.note(`${(error as Error).message}; trying the next mirror`, "warning");
      }
    }
    throw new UnreachableError(`Cannot ${action}: there is no URL`);
  }

  async #movingPlan(
    found: FoundProbe,
    request: ProbeRequest,
    known: Known,
    why: string,
    step: Step,
  ): Promise<DownloadPlan> {
    const { cache, connections = defaultConnections } = this.#options;
    const digest = this.#digest;
    const cancel = async () => {
      if (!found.response.bodyUsed) await found.response.body?.cancel();
    };
    try {
      const done = found.partial?.done ?? [];
      const present = new Extents(done).bytes;
      const size = found.size ?? 0;
      checkFreeBytes(cache.dir, size - present);
      if (step.dryRun) await cancel();
      else this.#held.defer(cancel);
      const resumed = present === 0 ? "" : `; ${present} bytes are there from an earlier run`;
      return {
        changed: true,
        bytesToMove: size - present,
        bytesToReuse: present,
        exact: found.size !== undefined,
        requests: remainingPieces(found, new Extents(done), connections).length,
        why: why + resumed,
        objects: [{
          label: this.#name,
          ...(found.size === undefined ? {} : { sizeBytes: found.size }),
          state: "missing",
        }],
        file: {
          path: this.#path,
          ...(digest === undefined ? {} : { digest }),
          size,
          url: this.subject,
        },
        probe: found,
        request,
        ...(known.record === undefined ? {} : { record: known.record }),
      };
    } catch (error) {
      await cancel();
      throw error;
    }
  }

  /** The first answer again, should the partial file not be the one that it was asked for. */
  async #sameProbe(plan: DownloadPlan, folder: string, step: Step): Promise<FoundProbe> {
    const found = plan.probe!;
    const now = await readControl(folder, this.#source);
    if (sameExtents(now?.done ?? [], found.partial?.done ?? [])) return found;
    if (found.partial === undefined) return found;
    await found.response.body?.cancel();
    const { partial: _partial, unless: _unless, ...request } = plan.request!;
    const again = await probe(this.#client(step), {
      ...request,
      ...(now === undefined ? {} : { partial: now }),
    });
    if (again.state === "found") return again;
    throw new UnreachableError(`Cannot ${request.action} ${this.subject}: it answered 304 unasked`);
  }

  #standingPlan(known: Known, why: string): DownloadPlan {
    const blob = known.blob!;
    return {
      changed: false,
      bytesToMove: 0,
      bytesToReuse: blob.size,
      exact: true,
      requests: 0,
      why,
      objects: [{ label: this.#name, sizeBytes: blob.size, state: "present" }],
      file: { path: this.#path, digest: blob.digest, size: blob.size, url: this.subject },
      blob,
    };
  }

  #reusePlan(blob: CachedBlob, known: Known): DownloadPlan {
    return {
      ...this.#standingPlan({ ...known, blob }, "the cache has the same bytes from elsewhere"),
      changed: true,
      ...(known.record === undefined ? {} : { record: known.record }),
    };
  }

  #refuseOffline(freshness: Freshness): void {
    if (!this.#options.offline) return;
    throw new UnreachableError(
      `Cannot ${this.#options.action} ${this.subject}: ${
        "detail" in freshness ? freshness.detail : freshness.reason
      }, and the network is not to be used`,
      { hint: "run once without --offline" },
    );
  }

  /** By what names a refresh or an update may name it. */
  get #names(): readonly string[] {
    return [this.#options.url, this.#key, this.kind, ...(this.#options.names ?? [])];
  }

  get #pinKey(): string {
    return `${this.kind} ${this.#key}`;
  }

  /** Whether its pin may move: then the origin is asked. */
  get #moves(): boolean {
    const { digest, lockfile, offline } = this.#options;
    return digest === undefined && !offline &&
      (lockfile?.moves(this.#pinKey, ...this.#names) ?? false);
  }

  #limits(): Pick<DownloadOptions, "connections" | "retry" | "idleTimeoutMs"> {
    const { connections, retry, idleTimeoutMs } = this.#options;
    return defined({ connections, retry, idleTimeoutMs });
  }

  #client(step: Step): HttpClient {
    return new HttpClient({
      meter: step.meter,
      signal: step.signal,
      side: "source",
      fetch: this.#transport.fetch,
      ...defined({ retry: this.#options.retry }),
    });
  }
}

interface Known {
  freshness: Freshness;
  record?: EntryRecord<DownloadRecord>;
  blob?: CachedBlob;
}

function whyFresh({ freshness, record }: Known): string {
  const since = record?.value.fetched ?? "";
  const reasons: Record<string, string> = {
    "unchanging": "the cache has the pinned digest",
    "not to be asked": `the cache has it since ${since}`,
    "young": `the cache has it since ${since}, and it was confirmed lately`,
    "just confirmed": "it was fetched or confirmed in this run",
  };
  return reasons[freshness.reason] ?? freshness.reason;
}

/** The versions before this one, newest first: to go back to. */
function previousOf(
  before: DownloadRecord | undefined,
  digest: Digest,
): NonNullable<DownloadRecord["previous"]> {
  if (before === undefined) return [];
  const { size, fetched } = before;
  return [{ digest: before.digest, size, fetched }, ...(before.previous ?? [])]
    .filter((each) => each.digest !== digest).slice(0, 1);
}

function sameExtents(
  a: readonly { start: number; end: number }[],
  b: readonly { start: number; end: number }[],
): boolean {
  return a.length === b.length &&
    a.every(({ start, end }, index) => start === b[index]!.start && end === b[index]!.end);
}
