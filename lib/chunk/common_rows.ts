import { type ChunkTable, holeRow } from "./chunk_table.ts";
import { sameDigestAt } from "./digest_column.ts";

/**
 * Which rows of a table another one has at the same places: 1 for each chunk that begins and ends there too, and for each hole that lies in one
 * there, as far as the other file goes.
 */
export function commonRows(table: ChunkTable, other: ChunkTable): Uint8Array<ArrayBuffer> {
  const common = new Uint8Array(table.rows.length);
  let at = 0;
  for (let row = 0; row < common.length; row++) {
    const [start, end] = [table.rowOffsets[row]!, table.rowOffsets[row + 1]!];
    while (at < other.rows.length && other.rowOffsets[at + 1]! <= start) at++;
    const [chunk, there] = [table.rows[row]!, other.rows[at]];
    const alike = chunk === holeRow
      ? there === undefined ||
        (there === holeRow && other.rowOffsets[at + 1]! >= Math.min(end, other.size))
      : there !== undefined && there !== holeRow && other.rowOffsets[at] === start &&
        other.rowOffsets[at + 1] === end &&
        sameDigestAt(table.digests, chunk, other.digests, there);
    common[row] = alike ? 1 : 0;
  }
  return common;
}
