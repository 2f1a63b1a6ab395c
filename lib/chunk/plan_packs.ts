import { freeMemory } from "../base/free_memory.ts";
import { type ChunkTable, firstRows } from "./chunk_table.ts";
import { chunksWhere } from "./places.ts";
import { sortBy } from "./sort_by.ts";

/** Chunks that go into one new pack, in the order in which the file first shows them. */
export type PackChunks = Uint32Array<ArrayBuffer>;

/**
 * Shares new chunks (1 in `fresh`) out among packs. A pack is full once its chunks have `packBytes` before compression, so that
 * the number of packs is known before anything is compressed.
 */
export function planPacks(
  table: ChunkTable,
  fresh: Uint8Array,
  packBytes: number = 48 * 1024 * 1024,
): PackChunks[] {
  const rows = firstRows(table);
  const chunks = chunksWhere(table.lengths.length, (chunk) => fresh[chunk] === 1);
  sortBy(chunks, rows);
  freeMemory(rows);
  const packs: PackChunks[] = [];
  let [from, bytes] = [0, 0];
  for (let at = 0; at < chunks.length; at++) {
    const length = table.lengths[chunks[at]!]!;
    if (bytes > 0 && bytes + length > packBytes) {
      packs.push(chunks.slice(from, at));
      [from, bytes] = [at, 0];
    }
    bytes += length;
  }
  if (bytes > 0) packs.push(chunks.slice(from));
  return packs;
}

/** How many bytes chunks have before compression. */
export function plainBytes({ lengths }: ChunkTable, chunks: PackChunks): number {
  return chunks.reduce((sum, chunk) => sum + lengths[chunk]!, 0);
}
