import type { DiskChunks } from "./chunk_table.ts";
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
  /** Their bytes as they are stored. */
  newStoredBytes: number;
}

/** What one must fetch who has all chunks of `from` and wants `to`. */
export function diffTables(
  from: Pick<DiskChunks, "digests">,
  to: Pick<DiskChunks, "digests" | "lengths" | "stored">,
): TableDiff {
  using lookup = new DigestLookup(from.digests, from.digests.length / 32);
  const diff = { commonChunks: 0, commonBytes: 0, newChunks: 0, newBytes: 0, newStoredBytes: 0 };
  for (let chunk = 0; chunk < to.lengths.length; chunk++) {
    if (lookup.find(to.digests, chunk) >= 0) {
      diff.commonChunks++;
      diff.commonBytes += to.lengths[chunk]!;
    } else {
      diff.newChunks++;
      diff.newBytes += to.lengths[chunk]!;
      diff.newStoredBytes += to.stored[chunk]!;
    }
  }
  return diff;
}
