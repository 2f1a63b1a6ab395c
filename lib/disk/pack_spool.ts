/**
 * Packs between being made and being in the registry, so that a push that was cut off goes on where it was.
 *
 * A pack is known by what goes into it; the record says what came out. Its bytes are a blob of the cache until the push is committed. Each push
 * has a name of its own for it besides, so that no other one that ends earlier takes it away.
 *
 * @module
 */
import { roomHint, withRoom } from "./with_room.ts";
import { decodeBase64, encodeBase64 } from "@std/encoding";
import { join } from "@std/path";
import { removeIfThere, type TemporaryFolder } from "../base/atomic_file.ts";
import { type Digest, Hasher } from "../base/digest.ts";
import { digestHex, isDigest } from "../base/digest_text.ts";
import { ifThere, linkFile, lookAt } from "../base/files.ts";
import { buckets } from "../cache/buckets.ts";
import type { Cache } from "../cache/cache.ts";
import { buildPack, type BuiltPack } from "../chunk/build_pack.ts";
import type { ChunkTable } from "../chunk/chunk_table.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import { digestsOf } from "../chunk/places.ts";
import type { PackChunks } from "../chunk/plan_packs.ts";
import * as v from "valibot";
import { freeMemory } from "../base/free_memory.ts";

const recordSchema = v.object({
  digest: v.pipe(v.string(), v.check((text) => isDigest(text), "not a digest")),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  stored: v.string(),
});

/** Makes packs and keeps them until they are no longer needed. */
export class PackSpool implements AsyncDisposable {
  #cache: Cache;
  #level: number;
  #own: Promise<TemporaryFolder> | undefined;

  /** Keeps packs in this cache; `level` is zstd's. */
  constructor(cache: Cache, level: number) {
    this.#cache = cache;
    this.#level = level;
  }

  /** What became of these chunks in an earlier push that did not end. */
  async find(table: ChunkTable, chunks: PackChunks): Promise<BuiltPack | undefined> {
    const record = await this.#entry(table, chunks).read();
    if (record === undefined) return undefined;
    const { digest, size } = record.value;
    let bytes: Uint8Array;
    try {
      bytes = decodeBase64(record.value.stored);
    } catch {
      return undefined;
    }
    if (bytes.length !== chunks.length * 4) return undefined;
    const stored = new Uint32Array(bytes.slice().buffer);
    const fits = stored.every((length, at) => length > 0 && length <= table.lengths[chunks[at]!]!);
    if (!fits || stored.reduce((sum, length) => sum + length, 0) !== size) return undefined;
    return { digest: digest as Digest, size, stored };
  }

  /** The file of a pack that was made, which stays until this is disposed of; `undefined` if it is gone. */
  async file(pack: BuiltPack): Promise<string | undefined> {
    const own = await this.#ownName(pack);
    if (lookAt(own) !== undefined) return own;
    const path = (await this.#cache.blobs.find(pack.digest, pack.size))?.path;
    if (path === undefined) return undefined;
    const linked = await ifThere(linkFile(path, own));
    return linked === undefined ? undefined : linked ? own : path;
  }

  /** Makes a pack. */
  async make(
    path: string,
    table: ChunkTable,
    chunks: PackChunks,
    options: { pool: JobPool; rows: Uint32Array },
  ): Promise<BuiltPack> {
    const make = () => this.#make(path, table, chunks, options);
    return await withRoom(this.#cache.dir, roomHint, make);
  }

  async #make(
    path: string,
    table: ChunkTable,
    chunks: PackChunks,
    options: { pool: JobPool; rows: Uint32Array },
  ): Promise<BuiltPack> {
    await using folder = await this.#cache.temporaryFolder("pack");
    const to = join(folder.path, "pack");
    const pack = await buildPack(path, table, chunks, { ...options, to, level: this.#level });
    const { digest, size } = pack;
    await linkFile(to, await this.#ownName(pack));
    await this.#cache.blobs.persistFile(to, { digest, size, verified: { digest, size } });
    const stored = encodeBase64(new Uint8Array(pack.stored.buffer));
    await this.#entry(table, chunks).write({ digest, size, stored }, {
      refs: [digest],
      by: `a push of ${path}`,
    });
    return pack;
  }

  /** Lets a pack go that is in the registry, and is named by a manifest there. */
  async release(table: ChunkTable, chunks: PackChunks, pack: BuiltPack): Promise<void> {
    await removeIfThere(await this.#ownName(pack));
    const entry = this.#entry(table, chunks);
    if (await entry.remove()) await removeIfThere(this.#cache.blobs.path(pack.digest));
  }

  /** Takes the names away that this push had for its packs. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Whoever asked for the folder was told why there is none.
    const folder = await this.#own?.catch(() => undefined);
    await folder?.[Symbol.asyncDispose]();
  }

  async #ownName({ digest }: BuiltPack): Promise<string> {
    const { path } = await (this.#own ??= this.#cache.temporaryFolder("packs"));
    return join(path, digestHex(digest));
  }

  #entry(table: ChunkTable, chunks: PackChunks) {
    const digests = digestsOf(table, chunks);
    const key = new Hasher().update(new TextEncoder().encode(`pack v1 zstd ${this.#level}\n`))
      .update(digests).digest();
    freeMemory(digests);
    return this.#cache.bucket(buckets.disks).shard("packs").entry(key, recordSchema);
  }
}
