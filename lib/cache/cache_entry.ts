/**
 * Pointers: small JSON files that say what a key stands for.
 *
 * Invariants: a pointer is written after all that it refers to, and atomically; its envelope is the same in every bucket, so
 * that prune, ls and why need no knowledge of the buckets; fields that this version does not know are kept by
 * {@linkcode CacheEntry.update}; a pointer that cannot be read is a miss with a reason, never an error.
 *
 * @module
 */
import { basename, dirname } from "@std/path";
import { removeIfThere, writeFileAtomic } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import type { FileLock } from "../base/file_lock.ts";
import { clearWay, isReadOnly } from "../base/files.ts";
import type { CacheLockOptions } from "./cache_lock.ts";
import type { EntryLookup, EntryRecord, Envelope } from "./entry_record.ts";
import type { EntrySchema } from "./entry_schema.ts";
import { readEnvelopeNow } from "./read_envelope.ts";

/** What is written beside the value. */
export interface WriteEntryOptions {
  /** The blobs and archives that the value needs; prune keeps them. @default {[]} */
  refs?: readonly Digest[];
  /** Those of the refs that the value can do without; `prune --ci` lets them go. @default {[]} */
  spare?: readonly Digest[];
  /** Who writes it, in words. @default {""} */
  by?: string;
  /** Whether the pointer was looked for and is not there: then it was first written now. @default {false} */
  isNew?: boolean;
  /** Whether its name is durable at once; leave it out where what is lost in a power cut is made again. @default {true} */
  syncFolder?: boolean;
}

/** What an entry needs of the cache around it. */
export interface EntryHost {
  /** Makes the root, its markers and the given folder. */
  ensure(folder: string): Promise<void>;
  /** Takes the lock of this name. */
  lock(name: string, options?: CacheLockOptions): Promise<FileLock>;
  /** The clock, in milliseconds since 1970. */
  now(): number;
}

const touchEveryMs = 3_600_000;

/** One pointer of a bucket. */
export class CacheEntry<T> {
  /** The file of the pointer. */
  readonly path: string;
  /** What it is the pointer of. */
  readonly key: string;
  #lowerPath: string | undefined;
  #schema: EntrySchema<T>;
  #host: EntryHost;
  #usedMs: number | undefined;

  /** Touches no disk. */
  constructor(options: {
    path: string;
    lowerPath?: string | undefined;
    key: string;
    schema: EntrySchema<T>;
    host: EntryHost;
  }) {
    this.path = options.path;
    this.key = options.key;
    this.#lowerPath = options.lowerPath;
    this.#schema = options.schema;
    this.#host = options.host;
  }

  /** The pointer, or why there is none. */
  async lookup(): Promise<EntryLookup<T>> {
    const own = await this.#readAt(this.path, false);
    if (own.record !== undefined || this.#lowerPath === undefined) return own;
    const below = await this.#readAt(this.#lowerPath, true);
    return below.record === undefined ? own : below;
  }

  /** The pointer, or `undefined`. */
  async read(): Promise<EntryRecord<T> | undefined> {
    return (await this.lookup()).record;
  }

  /** Writes the pointer anew; what it refers to must be there already. */
  async write(value: T, options: WriteEntryOptions = {}): Promise<void> {
    const now = new Date(this.#host.now()).toISOString();
    const { isNew = false, syncFolder = true } = options;
    const before = isNew ? undefined : this.#rawEnvelope();
    await this.#put({
      key: this.key,
      created: before?.created ?? now,
      updated: now,
      by: options.by ?? "",
      refs: [...(options.refs ?? [])],
      ...(options.spare === undefined ? {} : { spare: [...options.spare] }),
      value,
    }, syncFolder);
  }

  /**
   * Changes some fields of the value, and says that the pointer was confirmed now. All other fields stay, those of newer
   * versions too; what it needs may grow by `spare`, which it can do without. A power cut leaves the pointer as it was before or as
   * it is now: either holds, so that the folder is not synced. Gives `false` where there is no pointer to change.
   */
  async update(patch: Partial<T>, spare: readonly Digest[] = []): Promise<boolean> {
    const before = this.#rawEnvelope() ?? this.#rawEnvelope(this.#lowerPath);
    if (before === undefined) return false;
    const value = typeof before.value === "object" && before.value !== null ? before.value : {};
    await this.#put({
      ...before,
      updated: new Date(this.#host.now()).toISOString(),
      ...(spare.length === 0 ? {} : {
        refs: [...new Set([...before.refs, ...spare])],
        spare: [...new Set([...before.spare ?? [], ...spare])],
      }),
      value: { ...value, ...patch },
    }, false);
    return true;
  }

  /** Notes that the entry, which was looked up, was used: at most once an hour; a read-only cache is not an error. */
  async touch(): Promise<void> {
    try {
      const now = this.#host.now();
      const ageMs = now - (this.#usedMs ?? 0);
      if (ageMs >= 0 && ageMs < touchEveryMs) return;
      await Deno.utime(this.path, new Date(now), new Date(now));
    } catch (error) {
      if (!isHarmless(error)) throw error;
    }
  }

  /** Removes the pointer; what it referred to stays until the next prune. */
  async remove(): Promise<boolean> {
    return await removeIfThere(this.path);
  }

  /** Locks the entry against other processes that want to fill it. */
  async lock(options: CacheLockOptions = {}): Promise<FileLock> {
    return await this.#host.lock(
      `${basename(dirname(dirname(this.path)))}/${basename(this.path)}`,
      options,
    );
  }

  async #put(envelope: Record<string, unknown>, syncFolder: boolean): Promise<void> {
    await this.#host.ensure(dirname(this.path));
    await clearWay(this.path);
    await writeFileAtomic(this.path, `${JSON.stringify(envelope, undefined, 1)}\n`, {
      syncFolder,
    });
  }

  async #readAt(path: string, lower: boolean): Promise<EntryLookup<T>> {
    const read = readEnvelopeNow(path);
    if (read.envelope === undefined) return { miss: read.miss };
    const { envelope } = read;
    if (!lower) this.#usedMs = read.usedMs;
    if (envelope.key !== this.key) {
      return { miss: { reason: "unreadable", detail: "it is the pointer of another key" } };
    }
    const parsed = await this.#schema["~standard"].validate(envelope.value);
    if (parsed.issues !== undefined) {
      const detail = parsed.issues[0]?.message ?? "it is of another form";
      return { miss: { reason: "unreadable", detail } };
    }
    return {
      record: {
        key: envelope.key,
        value: parsed.value,
        refs: envelope.refs,
        spare: envelope.spare ?? [],
        by: envelope.by,
        createdMs: Date.parse(envelope.created),
        updatedMs: Date.parse(envelope.updated),
        lower,
      },
    };
  }

  #rawEnvelope(path: string | undefined = this.path): Envelope | undefined {
    if (path === undefined) return undefined;
    const { envelope } = readEnvelopeNow(path);
    return envelope?.key === this.key ? envelope : undefined;
  }
}

function isHarmless(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || isReadOnly(error);
}
