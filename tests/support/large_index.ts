/** Disks of many rows or chunks, whose packs are not there, for tests of what an index takes. @module */
import { sha256 } from "../../lib/base/digest.ts";
import type { DiskIndex } from "../../lib/chunk/chunk_table.ts";
import { chunkerFor } from "../../lib/chunk/chunker.ts";
import { setDigest } from "../../lib/chunk/digest_column.ts";
import { noise } from "./disk.ts";

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

/** An index of so many different chunks of 4 KiB in packs of 48 MiB, each in one row. */
export function indexOfChunks(count: number): DiskIndex {
  const perPack = 48 * 256;
  const packCount = Math.ceil(count / perPack);
  const column = (of: (chunk: number) => number) => new Uint32Array(count).map((_, at) => of(at));
  const lengths = new Uint32Array(count).fill(4096);
  const packSizes = new Uint32Array(packCount).fill(perPack * 4096);
  packSizes[packCount - 1] = (count - (packCount - 1) * perPack) * 4096;
  return {
    chunker: chunkerFor("fixed", count * 4096, 4096),
    size: count * 4096,
    digests: noise(count * 32),
    lengths,
    rows: column((chunk) => chunk),
    rowOffsets: new Float64Array(count + 1).map((_, row) => row * 4096),
    packDigests: noise(packCount * 32, 2),
    packSizes,
    packs: column((chunk) => Math.floor(chunk / perPack)),
    offsets: column((chunk) => chunk % perPack * 4096),
    stored: lengths.slice(),
  };
}
