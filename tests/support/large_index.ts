/** Disks of many rows and few different chunks, whose packs are not there, for tests of what an index takes. @module */
import { sha256 } from "../../lib/base/digest.ts";
import type { DiskIndex } from "../../lib/chunk/chunk_table.ts";
import { chunkerFor } from "../../lib/chunk/chunker.ts";
import { setDigest } from "../../lib/chunk/digest_column.ts";

/** An index of so many rows of 4 KiB, which have these chunks by turns; every tenth chunk is another one for another seed. */
export function largeIndex(rowCount: number, chunkCount: number, seed: number): DiskIndex {
  const digests = new Uint8Array(chunkCount * 32);
  const lengths = new Uint32Array(chunkCount).fill(4096);
  const offsets = new Uint32Array(chunkCount);
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    setDigest(digests, chunk, sha256(`chunk ${chunk} ${chunk % 10 === 0 ? seed : 0}`));
    offsets[chunk] = chunk * 4096;
  }
  const rows = new Uint32Array(rowCount);
  const rowOffsets = new Float64Array(rowCount + 1);
  for (let row = 0; row < rowCount; row++) {
    rows[row] = row % chunkCount;
    rowOffsets[row + 1] = (row + 1) * 4096;
  }
  const packDigests = new Uint8Array(32);
  setDigest(packDigests, 0, sha256(`pack of ${seed}`));
  return {
    chunker: chunkerFor("fixed", rowCount * 4096, 4096),
    size: rowCount * 4096,
    digests,
    lengths,
    rows,
    rowOffsets,
    packDigests,
    packSizes: Uint32Array.of(chunkCount * 4096),
    packs: new Uint32Array(chunkCount),
    offsets,
    stored: lengths.slice(),
  };
}
