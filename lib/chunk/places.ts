import { freeMemory } from "../base/free_memory.ts";
import { type ChunkTable, holeRow } from "./chunk_table.ts";

/** Where chunks belong: the rows of each. */
export interface Places {
  /** Where each chunk's rows begin in `toRows`, and at last where they end. */
  readonly toStarts: Uint32Array<ArrayBuffer>;
  /** Rows of the file. */
  readonly toRows: Uint32Array<ArrayBuffer>;
}

/** Where chunks are to be written: a list per chunk, as `job.ts` says. */
export interface PlacesInFile {
  /** Where each chunk's list begins in `toOffsets`, and at last where it ends. */
  readonly toStarts: Uint32Array<ArrayBuffer>;
  /** Offsets in the file. */
  readonly toOffsets: Float64Array<ArrayBuffer>;
}

/** Where every chunk of a table belongs, the rows left out that stand already (1 in `standing`). */
export function allPlaces(table: ChunkTable, standing: Uint8Array): Places {
  const { rows, lengths } = table;
  const toStarts = new Uint32Array(lengths.length + 1);
  for (let row = 0; row < rows.length; row++) {
    const chunk = rows[row]!;
    if (chunk !== holeRow && standing[row] === 0) toStarts[chunk + 1]!++;
  }
  for (let chunk = 0; chunk < lengths.length; chunk++) toStarts[chunk + 1]! += toStarts[chunk]!;
  const next = toStarts.slice();
  const toRows = new Uint32Array(toStarts.at(-1)!);
  for (let row = 0; row < rows.length; row++) {
    const chunk = rows[row]!;
    if (chunk !== holeRow && standing[row] === 0) toRows[next[chunk]!++] = row;
  }
  freeMemory(next);
  return { toStarts, toRows };
}

/** The chunks that have a place at all, ascending. */
export function placedChunks({ toStarts }: Places): Uint32Array<ArrayBuffer> {
  return chunksWhere(toStarts.length - 1, (chunk) => toStarts[chunk] !== toStarts[chunk + 1]);
}

/** The chunks that are chosen of so many, ascending. */
export function chunksWhere(
  count: number,
  isChosen: (chunk: number) => boolean,
): Uint32Array<ArrayBuffer> {
  const chunks = new Uint32Array(count);
  let chosen = 0;
  for (let chunk = 0; chunk < count; chunk++) if (isChosen(chunk)) chunks[chosen++] = chunk;
  if (chosen === count) return chunks;
  const alone = chunks.slice(0, chosen);
  freeMemory(chunks);
  return alone;
}

/** The places of some chunks of a table, in their order. */
export function placesOf(
  { rowOffsets }: ChunkTable,
  all: Places,
  chunks: ArrayLike<number>,
): PlacesInFile {
  const toStarts = new Uint32Array(chunks.length + 1);
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at]!;
    toStarts[at + 1] = toStarts[at]! + all.toStarts[chunk + 1]! - all.toStarts[chunk]!;
  }
  const toOffsets = new Float64Array(toStarts.at(-1)!);
  for (let at = 0, to = 0; at < chunks.length; at++) {
    const end = all.toStarts[chunks[at]! + 1]!;
    for (let place = all.toStarts[chunks[at]!]!; place < end; place++) {
      toOffsets[to++] = rowOffsets[all.toRows[place]!]!;
    }
  }
  return { toStarts, toOffsets };
}

/** The digests of some chunks, 32 bytes each, in their order. */
export function digestsOf(table: ChunkTable, chunks: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const digests = new Uint8Array(chunks.length * 32);
  for (let at = 0; at < chunks.length; at++) {
    const from = chunks[at]! * 32;
    digests.set(table.digests.subarray(from, from + 32), at * 32);
  }
  return digests;
}
