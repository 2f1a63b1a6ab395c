import { type ChunkTable, isDiskIndex } from "./chunk_table.ts";
import { DigestLookup } from "./digest_lookup.ts";

/** What two tables have in common, by different chunks. */
export interface TableDiff {
  /** Chunks of the second that the first has too. */
  commonChunks: number;
  /** Their bytes. */
  commonBytes: number;
  /** Chunks of the second that the first lacks. */
  newChunks: number;
  /** Their bytes. */
  newBytes: number;
  /** Their bytes as they are stored, where the second says so. */
  newStoredBytes: number;
}

/** What one must fetch who has all chunks of `from` and wants `to`. */
export function diffTables(from: ChunkTable, to: ChunkTable): TableDiff {
  const lookup = new DigestLookup(from.digests, from.lengths.length);
  const diff = { commonChunks: 0, commonBytes: 0, newChunks: 0, newBytes: 0, newStoredBytes: 0 };
  const stored = isDiskIndex(to) ? to.stored : to.lengths;
  for (let chunk = 0; chunk < to.lengths.length; chunk++) {
    if (lookup.find(to.digests, chunk) >= 0) {
      diff.commonChunks++;
      diff.commonBytes += to.lengths[chunk]!;
    } else {
      diff.newChunks++;
      diff.newBytes += to.lengths[chunk]!;
      diff.newStoredBytes += stored[chunk]!;
    }
  }
  return diff;
}
