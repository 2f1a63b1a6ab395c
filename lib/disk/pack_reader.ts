import { removeIfThere } from "../base/atomic_file.ts";
import { KedgeError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";
import type { ObjectMeter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { PackRange } from "../chunk/plan_ranges.ts";
import { bufferFor, type ReadRangeOptions } from "../chunk/write_chunks.ts";
import { RangeRefusedError } from "../oci/registry/range_refused_error.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskSource } from "./disk_store.ts";
import { orElsewhere } from "./or_elsewhere.ts";
import type { DiskPullPlan } from "./plan_pull.ts";
import { roomHint, withRoom } from "./with_room.ts";
import type { Moving } from "./tell_moving.ts";

/** What a {@linkcode PackReader} works with. */
export interface PackReaderOptions {
  /** Where the packs are. */
  readonly store: DiskSource;
  /** Holds packs, and takes whole ones where there are no ranges. */
  readonly cache: Cache;
  /** Told of what comes from the store. */
  readonly remote: ObjectMeter;
  /** Told of each request. */
  readonly moving: Moving;
}

/** Reads parts of packs out of the cache or the registry. */
export class PackReader {
  #plan: DiskPullPlan;
  #options: PackReaderOptions;
  #step: Step;
  #whole = new Map<number, Promise<string>>();
  /** Packs that the cache had when the pull was planned, and that were of no use. */
  #lost = new Set<number>();
  /** Ranges of which the cache gave the bytes last. */
  #fromCache = new WeakSet<PackRange>();
  #ranges = true;

  /** Asks for nothing yet. */
  constructor(
    plan: DiskPullPlan,
    options: PackReaderOptions,
    step: Step,
  ) {
    this.#plan = plan;
    this.#options = options;
    this.#step = step;
  }

  /** Whether the bytes of a range came from a pack that was in the cache before, when it was read last. */
  cameFromCache(range: PackRange): boolean {
    return this.#fromCache.has(range);
  }

  /** The bytes of a range; the wrong ones of a cached pack are not given `again`. */
  async read(range: PackRange, options: ReadRangeOptions): Promise<Uint8Array<ArrayBuffer>> {
    const { pack } = range;
    const { again, buffer } = options;
    const blob = this.#plan.image.packs[pack]!;
    if (again && !this.#fromCache.delete(range)) this.#options.store.distrust?.(blob);
    const cached = this.#lost.has(pack) ? undefined : this.#plan.cachedPacks.get(pack);
    if (cached !== undefined) {
      const bytes = again ? undefined : await this.#cachedPart(range, cached, buffer);
      if (bytes !== undefined) {
        this.#fromCache.add(range);
        return bytes;
      }
      if (again) {
        await removeIfThere(cached);
        this.#lose(pack, cached);
      }
    }
    if (this.#ranges) {
      try {
        return await this.#fetchRange(blob, range, options);
      } catch (error) {
        if (!(error instanceof RangeRefusedError)) throw error;
        if (this.#ranges) {
          this.#step.meter.note(
            `${this.#options.store.name} gives no ranges; whole packs are fetched`,
            "warning",
          );
        }
        this.#ranges = false;
      }
    }
    for (let tries = 0; tries < 2; tries++) {
      const whole = this.#whole.get(pack) ?? this.#fetchWhole(pack);
      this.#whole.set(pack, whole);
      const bytes = await partOfWhole(blob, await whole, range, buffer);
      if (bytes !== undefined) return bytes;
      if (this.#whole.get(pack) === whole) this.#whole.delete(pack);
    }
    throw new KedgeError(`Cannot read the pack "${blob.digest}": the cache does not keep it`, {
      hint: "does another program clear the cache? run the same command again",
    });
  }

  /** The bytes of a range out of the cache; `undefined` where they cannot be had. */
  async #cachedPart(
    range: PackRange,
    path: string,
    buffer: ArrayBuffer | undefined,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const bytes = await partOf(path, range, buffer);
      if (bytes === undefined) this.#lose(range.pack, path);
      return bytes;
    } catch (error) {
      this.#lose(range.pack, path, `: ${(error as Error).message}`);
      return undefined;
    }
  }

  #lose(pack: number, path: string, why = ""): void {
    if (this.#lost.has(pack)) return; // Others of its ranges were read meanwhile.
    this.#lost.add(pack);
    this.#step.meter.note(`"${path}" is of no use any more${why}; the pack is fetched`, "warning");
  }

  async #fetchRange(
    blob: DiskBlob,
    { start, end }: PackRange,
    { signal, buffer }: ReadRangeOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { store, remote, moving } = this.#options;
    const onBytes = (bytes: number) => {
      remote.moved(bytes);
      moving.wire(bytes, 0);
    };
    const bytes = await store.range(blob, start, end, { signal, buffer, onBytes });
    moving.wire(0);
    return bytes;
  }

  async #fetchWhole(pack: number): Promise<string> {
    const { store, cache } = this.#options;
    const blob = this.#plan.image.packs[pack]!;
    const found = await cache.blobs.find(blob.digest, blob.size);
    if (found !== undefined) return found.path;
    const stream = () => ReadableStream.from(copied(store.stream(blob, this.#step.signal)));
    const persist = () =>
      cache.blobs.persist(stream(), {
        digest: blob.digest,
        size: blob.size,
        signal: this.#step.signal,
        onBytes: (bytes) => this.#options.remote.moved(bytes),
      });
    const { path } = await withRoom(
      cache.dir,
      roomHint,
      () => orElsewhere(store, blob, persist),
    );
    this.#options.moving.wire(blob.size);
    return path;
  }
}

async function* copied(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield piece.slice();
}

/** A part of a pack that the cache keeps; `undefined` where it keeps it no longer. */
async function partOfWhole(
  { digest }: DiskBlob,
  path: string,
  range: PackRange,
  buffer: ArrayBuffer | undefined,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await partOf(path, range, buffer);
  } catch (cause) {
    const state = (cause as Error).message;
    throw new KedgeError(`Cannot read the pack "${digest}" in "${path}": ${state}`, { cause });
  }
}

/** A part of a file; `undefined` where that is not there, or ends before. */
async function partOf(
  path: string,
  { start, end }: PackRange,
  buffer: ArrayBuffer | undefined,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  using file = await ifThere(Deno.open(path));
  if (file === undefined) return undefined;
  await file.seek(start, Deno.SeekMode.Start);
  const bytes = bufferFor(end - start, buffer);
  for (let at = 0; at < bytes.length;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) return undefined;
    at += count;
  }
  return bytes;
}
