import { type ChunkTable, holeRow } from "./chunk_table.ts";
import { sameDigestAt } from "./digest_column.ts";

/**
 * For each row of a table the row of another one that has it at the same place: a chunk that begins and ends there too, or the hole that a hole
 * lies in, as far as the other file goes; -1 where there is none, and the number of the other's rows for a hole that begins beyond its end.
 */
export function rowsBehind(table: ChunkTable, other: ChunkTable): Int32Array<ArrayBuffer> {
  const behind = new Int32Array(table.rows.length);
  let at = 0;
  for (let row = 0; row < behind.length; row++) {
    const [start, end] = [table.rowOffsets[row]!, table.rowOffsets[row + 1]!];
    while (at < other.rows.length && other.rowOffsets[at + 1]! <= start) at++;
    const [chunk, there] = [table.rows[row]!, other.rows[at]];
    const alike = chunk === holeRow
      ? there === undefined ||
        (there === holeRow && other.rowOffsets[at + 1]! >= Math.min(end, other.size))
      : there !== undefined && there !== holeRow && other.rowOffsets[at] === start &&
        other.rowOffsets[at + 1] === end &&
        sameDigestAt(table.digests, chunk, other.digests, there);
    behind[row] = alike ? at : -1;
  }
  return behind;
}

/** Which rows of a table another one has at the same places, as {@linkcode rowsBehind} finds them: 1 for each. */
export function commonRows(table: ChunkTable, other: ChunkTable): Uint8Array<ArrayBuffer> {
  // Without `from()`, which makes a list of all values first.
  const common = new Uint8Array(table.rows.length);
  rowsBehind(table, other).forEach((behind, row) => common[row] = behind < 0 ? 0 : 1);
  return common;
}
