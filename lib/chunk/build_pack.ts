import type { Digest } from "../base/digest.ts";
import { KedgeError } from "../base/errors.ts";
import { freeMemory } from "../base/free_memory.ts";
import { type ChunkTable, firstRows } from "./chunk_table.ts";
import type { JobPool } from "./job_pool.ts";
import { digestsOf } from "./places.ts";
import type { PackChunks } from "./plan_packs.ts";

/** A pack that was written. */
export interface BuiltPack {
  /** Its digest. */
  readonly digest: Digest;
  /** Its size in bytes. */
  readonly size: number;
  /** How many bytes each of its chunks takes, in their order; they lie end to end. */
  readonly stored: Uint32Array<ArrayBuffer>;
}

/** How chunks are packed. */
export interface PackOptions {
  /** Compresses. */
  readonly pool: JobPool;
  /** The level of zstd. @default {3} */
  readonly level?: number;
  /** The first row of each chunk. @default {taken from the table} */
  readonly rows?: Uint32Array;
}

/**
 * Packs chunks of a file into a new file.
 *
 * @throws {KedgeError} if the file changed since the table was made
 */
export async function buildPack(
  path: string,
  table: ChunkTable,
  chunks: PackChunks,
  { to, ...options }: PackOptions & { to: string },
): Promise<BuiltPack> {
  return await packChunks(path, table, chunks, { ...options, to });
}

/**
 * Whether packing chunks of a file gives this very pack; nothing is written.
 *
 * @throws {KedgeError} if the file changed since the table was made
 */
export async function givesPack(
  path: string,
  table: ChunkTable,
  chunks: PackChunks,
  { like, ...options }: PackOptions & { like: BuiltPack },
): Promise<boolean> {
  const of = { ...options, to: undefined, expected: like.stored };
  return (await packChunks(path, table, chunks, of)).digest === like.digest;
}

async function packChunks(
  path: string,
  table: ChunkTable,
  chunks: PackChunks,
  options: PackOptions & { to: string | undefined; expected?: Uint32Array<ArrayBuffer> },
): Promise<BuiltPack> {
  const { to, expected } = options;
  const rows = options.rows ?? firstRows(table);
  const columns = {
    offsets: Float64Array.from(chunks, (chunk) => table.rowOffsets[rows[chunk]!]!),
    lengths: chunks.map((chunk) => table.lengths[chunk]!),
    digests: digestsOf(table, chunks),
  };
  const { changed, digest, size, stored } = await options.pool.run({
    type: "pack",
    from: path,
    to,
    level: options.level ?? 3,
    ...columns,
    ...(expected === undefined ? {} : { expected }),
  });
  Object.values(columns).forEach(freeMemory);
  if (changed >= 0) {
    const offset = table.rowOffsets[rows[chunks[changed]!]!]!;
    throw new KedgeError(`Cannot pack "${path}": it changed at byte ${offset} while it was read`, {
      side: "source",
      hint: "stop what writes to it, or push a snapshot of it",
    });
  }
  return { digest: digest as Digest, size, stored };
}
