import { checkIndex } from "./check_index.ts";
import { readIndexHeader } from "./index_header.ts";
import {
  entryBytes,
  headerBytes,
  type IndexCounts,
  indexLimits,
  pageIdBytes,
} from "./index_layout.ts";

/** What the start of an index says of its packs and of the pages that follow. */
export interface IndexDirectory {
  /** Sha256 of each pack, 32 bytes each. */
  readonly packDigests: Uint8Array<ArrayBuffer>;
  /** The size of each pack in bytes. */
  readonly packSizes: Uint32Array<ArrayBuffer>;
  /** How many chunks lie in each pack. */
  readonly perPack: Uint32Array<ArrayBuffer>;
  /** What tells each page from others, 8 bytes each. */
  readonly pageIds: Uint8Array<ArrayBuffer>;
  /** Where each page begins in the index, and at last where the tail does. */
  readonly pageStarts: Float64Array<ArrayBuffer>;
}

/** How many bytes of an index of so many packs hold its header and directory. */
export function directoryBytes(packs: number): number {
  return headerBytes + packs * entryBytes;
}

/**
 * The directory at the start of an index, of which no more than that must be there.
 *
 * @throws {VerificationError} if there is none, or it contradicts itself
 */
export function decodeDirectory(bytes: Uint8Array): IndexDirectory {
  return readDirectory(bytes.subarray(headerBytes), readIndexHeader(bytes, false).counts);
}

/**
 * The directory that follows the header of an index.
 *
 * @throws {VerificationError} if it contradicts itself or the header
 */
export function readDirectory(
  bytes: Uint8Array,
  { packs, chunks, local }: IndexCounts,
): IndexDirectory {
  const length = headerBytes + bytes.length;
  checkIndex(length >= directoryBytes(packs), `it is only ${length} bytes long`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = {
    packDigests: new Uint8Array(packs * 32),
    packSizes: new Uint32Array(packs),
    perPack: new Uint32Array(packs),
    pageIds: new Uint8Array(packs * pageIdBytes),
    pageStarts: new Float64Array(packs + 1),
  };
  let start = directoryBytes(packs);
  let total = 0;
  for (let pack = 0; pack < packs; pack++) {
    const at = pack * entryBytes;
    directory.packDigests.set(bytes.subarray(at, at + 32), pack * 32);
    directory.packSizes[pack] = view.getUint32(at + 32, true);
    directory.perPack[pack] = view.getUint32(at + 36, true);
    directory.pageIds.set(bytes.subarray(at + 44, at + entryBytes), pack * pageIdBytes);
    directory.pageStarts[pack] = start;
    start += view.getUint32(at + 40, true);
    total += directory.perPack[pack]!;
    checkIndex(
      directory.perPack[pack]! > 0 && total <= chunks,
      `pack ${pack} has too many or no chunks`,
    );
    checkIndex(start <= indexLimits.storedBytes, `page ${pack} ends at byte ${start}`);
  }
  directory.pageStarts[packs] = start;
  checkIndex(local || total === chunks, `${chunks - total} chunks lie in no pack`);
  return directory;
}
