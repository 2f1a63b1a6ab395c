import { type ChunkTable, holeRow } from "./chunk_table.ts";
import { sameDigestAt } from "./digest_column.ts";

/** Whether two tables describe the same bytes, cut at the same places; the numbers of their chunks may differ. */
export function sameTable(a: ChunkTable, b: ChunkTable): boolean {
  if (a.size !== b.size || a.rows.length !== b.rows.length) return false;
  for (let row = 0; row < a.rows.length; row++) {
    if (a.rowOffsets[row] !== b.rowOffsets[row]) return false;
    const [left, right] = [a.rows[row]!, b.rows[row]!];
    if (left === holeRow || right === holeRow) {
      if (left !== right) return false;
    } else if (!sameDigestAt(a.digests, left, b.digests, right)) {
      return false;
    }
  }
  return true;
}
