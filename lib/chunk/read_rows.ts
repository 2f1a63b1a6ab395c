import { freeMemory } from "../base/free_memory.ts";
import { checkIndex, refuseIndex } from "./check_index.ts";
import { holeRow } from "./chunk_table.ts";
import type { Chunker } from "./chunker.ts";
import type { ColumnReader } from "./column_reader.ts";
import type { IndexCounts } from "./index_layout.ts";

/**
 * The rows of an index, which fill its file from the first byte to the last and show every chunk. They take the place of their codes.
 *
 * @returns how many bytes of the file are data
 * @throws {VerificationError} if they do not
 */
export function readRows(
  codes: Uint32Array<ArrayBuffer>,
  reader: ColumnReader,
  of: {
    chunker: Chunker;
    size: number;
    counts: IndexCounts;
    lengths: Uint32Array;
    /** Where the beginning of each row is written, and at last the size, unless it is empty. */
    rowOffsets: Float64Array;
  },
): number {
  const { chunker, size, counts, lengths, rowOffsets } = of;
  const rows = codes;
  const isTold = rowOffsets.length > 0;
  const fixed = chunker.kind === "fixed";
  const used = new Uint8Array(counts.chunks);
  let [offset, previous, holes, holeBytes, different] = [0, -1, 0, 0, 0];
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row]!;
    let length: number;
    if (code === 0) {
      if (row > 0 && rows[row - 1] === holeRow) {
        refuseIndex(`hole follows hole at byte ${offset}`);
      }
      checkIndex(++holes <= counts.holes, "more holes than announced");
      length = reader.wide();
      if (length === 0 || length > size) {
        refuseIndex(`a hole of ${length} bytes at byte ${offset}`);
      }
      holeBytes += length;
      rows[row] = holeRow;
    } else {
      const zigzag = code - 1;
      const chunk = previous + 1 + ((zigzag >>> 1) ^ -(zigzag & 1));
      if (chunk < 0 || chunk >= counts.chunks) refuseIndex(`row ${row} names chunk ${chunk}`);
      length = lengths[chunk]!;
      if (length === 0 || length > chunker.maxBytes) {
        refuseIndex(`chunk ${chunk} has ${length} bytes`);
      }
      if (used[chunk] === 0) {
        used[chunk] = 1;
        different++;
      }
      rows[row] = previous = chunk;
    }
    const end = offset + length;
    if (end > size) refuseIndex(`row ${row} ends at byte ${end} of ${size}`);
    if (fixed && end !== size) {
      if (end % chunker.maxBytes !== 0) refuseIndex(`row ${row} ends off the grid`);
      if (code !== 0 && length !== chunker.maxBytes) {
        refuseIndex(`row ${row} has ${length} bytes`);
      }
    }
    if (isTold) rowOffsets[row] = offset;
    offset = end;
  }
  if (isTold) rowOffsets[codes.length] = offset;
  checkIndex(offset === size, `its rows end at byte ${offset} of ${size}`);
  checkIndex(holes === counts.holes, `${holes} holes instead of ${counts.holes}`);
  freeMemory(used);
  checkIndex(different === counts.chunks, `${counts.chunks - different} chunks have no row`);
  return size - holeBytes;
}
