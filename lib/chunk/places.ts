import { type ChunkTable, holeRow } from "./chunk_table.ts";

/** Where chunks are to be written: a list per chunk, as `job.ts` says. */
export interface Places {
  /** Where each chunk's list begins in `toOffsets`. */
  readonly toStarts: Uint32Array<ArrayBuffer>;
  /** Offsets in the file. */
  readonly toOffsets: Float64Array<ArrayBuffer>;
}

/** Where every chunk of a table belongs, the rows left out that stand already (1 in `standing`). */
export function allPlaces(table: ChunkTable, standing: Uint8Array): Places {
  const { rows, rowOffsets, lengths } = table;
  const toStarts = new Uint32Array(lengths.length + 1);
  for (let row = 0; row < rows.length; row++) {
    const chunk = rows[row]!;
    if (chunk !== holeRow && standing[row] === 0) toStarts[chunk + 1]!++;
  }
  for (let chunk = 0; chunk < lengths.length; chunk++) toStarts[chunk + 1]! += toStarts[chunk]!;
  const next = toStarts.slice();
  const toOffsets = new Float64Array(toStarts.at(-1)!);
  for (let row = 0; row < rows.length; row++) {
    const chunk = rows[row]!;
    if (chunk !== holeRow && standing[row] === 0) toOffsets[next[chunk]!++] = rowOffsets[row]!;
  }
  return { toStarts, toOffsets };
}

/** The chunks that have a place at all, ascending. */
export function placedChunks({ toStarts }: Places): Uint32Array<ArrayBuffer> {
  const chunks = toStarts.keys().take(toStarts.length - 1);
  return Uint32Array.from(chunks.filter((chunk) => toStarts[chunk] !== toStarts[chunk + 1]));
}

/** The places of some chunks alone, in their order. */
export function placesOf(all: Places, chunks: ArrayLike<number>): Places {
  const toStarts = new Uint32Array(chunks.length + 1);
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at]!;
    toStarts[at + 1] = toStarts[at]! + all.toStarts[chunk + 1]! - all.toStarts[chunk]!;
  }
  const toOffsets = new Float64Array(toStarts.at(-1)!);
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at]!;
    toOffsets.set(
      all.toOffsets.subarray(all.toStarts[chunk]!, all.toStarts[chunk + 1]!),
      toStarts[at]!,
    );
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
