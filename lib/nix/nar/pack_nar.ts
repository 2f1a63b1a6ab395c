import { zlib } from "../../base/zlib.ts";
import { Hasher } from "../../base/digest.ts";
import { writeAllSync } from "../../base/files.ts";
import { type NarPacking, packingLevels } from "./compression.ts";
import { narPieces } from "./nar_pieces.ts";
import type { PackedNar } from "./packed_nar.ts";

/** What is to be packed, and where to. */
export interface PackRequest {
  /** The file, folder or symlink. */
  source: string;
  /** The file that is written; it must not be there. */
  file: string;
  /** How it is packed; `xz` is not made here. */
  packing: NarPacking;
  /** The size of the NAR in bytes, where it is known: a small one takes a small buffer. */
  narSize?: number;
}

const frameBytes = 2 * 1024 * 1024;

/**
 * Packs a path as a NAR into a file, frame by frame. Frames of zstd are independent, which costs 0.3 % in size and keeps the memory that
 * of one.
 */
export function packNar(request: PackRequest): PackedNar {
  const { source, file, packing } = request;
  using output = Deno.openSync(file, { write: true, createNew: true });
  const nar = new Hasher();
  const packed = new Hasher();
  const pieceBytes = Math.min(frameBytes, Math.max(1024, request.narSize ?? frameBytes));
  const params = zstdParameters(packing);
  for (const piece of narPieces(source, pieceBytes)) {
    nar.update(piece);
    const frame = packing.compression === "none" ? piece : zlib().zstdCompressSync(piece, {
      chunkSize: piece.length + (piece.length >> 8) + 1024,
      params,
    });
    packed.update(frame);
    writeAllSync(output, frame);
    // Frees the memory of a large frame now instead of at some later collection; small ones share a pool.
    if (frame !== piece && frame.buffer.byteLength > frameBytes) {
      (frame.buffer as ArrayBuffer).transfer(0);
    }
  }
  return {
    narHash: nar.digest(),
    narSize: nar.size,
    fileHash: packed.digest(),
    fileSize: packed.size,
  };
}

/**
 * How zstd is set. At its own default level the tables are made to fit what a core keeps beside it: a seventh less time for 2 to 3 % more bytes.
 */
function zstdParameters({ compression, level }: NarPacking): Record<number, number> {
  if (compression !== "zstd") return {};
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_c_hashLog, ZSTD_c_chainLog } =
    zlib().constants;
  return {
    [ZSTD_c_compressionLevel]: level,
    [ZSTD_c_checksumFlag]: 1,
    ...(level === packingLevels.zstd.default
      ? { [ZSTD_c_hashLog]: 16, [ZSTD_c_chainLog]: 13 }
      : {}),
  };
}
