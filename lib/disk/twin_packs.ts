import { VerificationError } from "../base/errors.ts";
import { type BuiltPack, givesPack, type PackOptions } from "../chunk/build_pack.ts";
import type { ChunkTable } from "../chunk/chunk_table.ts";
import { digestAt } from "../chunk/digest_column.ts";
import { DigestLookup } from "../chunk/digest_lookup.ts";
import { type DiskBlob, DiskType } from "../chunk/disk_manifest.ts";
import type { PackChunks } from "../chunk/plan_packs.ts";
import { verified } from "../oci/verified.ts";
import type { DiskStore } from "./disk_store.ts";
import type { PushBase } from "./usable_packs.ts";

/** What {@linkcode TwinPacks} works with. */
export interface TwinPacksOptions extends Required<PackOptions> {
  /** The file. */
  readonly path: string;
  /** What it is made of. */
  readonly table: ChunkTable;
}

/**
 * The packs of a disk that packing a file afresh gives again.
 *
 * Invariants: a pack counts only if packing gives its digest, whatever the index says of it; nothing is written.
 */
export class TwinPacks {
  readonly #base: PushBase;
  readonly #of: TwinPacksOptions;
  readonly #lookup: DigestLookup;

  /** Takes the disk, and the file that is packed. */
  constructor(base: PushBase, of: TwinPacksOptions) {
    const { index } = base.image;
    this.#base = base;
    this.#of = of;
    this.#lookup = new DigestLookup(index.digests, index.lengths.length);
  }

  /** The pack that these chunks give, if the disk has it. */
  async find(chunks: PackChunks): Promise<BuiltPack | undefined> {
    const { path, table, ...options } = this.#of;
    const like = this.#alike(chunks);
    if (like === undefined) return undefined;
    return await givesPack(path, table, chunks, { ...options, like }) ? like : undefined;
  }

  /** Lets go what looking for packs took. */
  end(): void {
    this.#of.pool.rest();
  }

  /** The pack in which these chunks lie, in this order and end to end, and no others. */
  #alike(chunks: PackChunks): BuiltPack | undefined {
    const { index } = this.#base.image;
    const { digests, lengths } = this.#of.table;
    const first = this.#lookup.find(digests, chunks[0]!);
    if (first < 0) return undefined;
    const pack = index.packs[first]!;
    const end = first + chunks.length;
    if (index.packs[first - 1] === pack || index.packs[end] === pack) return undefined;
    let offset = 0;
    for (const [at, chunk] of chunks.entries()) {
      const there = first + at;
      const isSame = index.packs[there] === pack && index.offsets[there] === offset &&
        index.lengths[there] === lengths[chunk] &&
        digestAt(index.digests, there) === digestAt(digests, chunk);
      if (!isSame) return undefined;
      offset += index.stored[there]!;
    }
    if (offset !== index.packSizes[pack]) return undefined;
    const stored = index.stored.slice(first, end);
    return { digest: digestAt(index.packDigests, pack), size: offset, stored };
  }
}

/** Whether a store has a pack; one that is on this machine is hashed. */
export async function hasPack(
  store: DiskStore,
  { digest, size }: BuiltPack,
  signal: AbortSignal,
): Promise<boolean> {
  const blob: DiskBlob = { mediaType: DiskType.pack, digest, size };
  if (!await store.has(blob)) return false;
  if (store.requestsPerRead > 0) return true;
  try {
    for await (const _ of verified(blob, store.stream(blob, signal), { name: store.name }));
    return true;
  } catch (error) {
    if (error instanceof VerificationError) return false;
    throw error;
  }
}
