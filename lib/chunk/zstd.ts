import { codeOf, VerificationError } from "../base/errors.ts";
import { zlib } from "../base/zlib.ts";
import { readStoredFrame } from "./stored_frame.ts";

const magic = [0x28, 0xb5, 0x2f, 0xfd];
const mostWindowBytes = 128 * 1024 * 1024;

/** One zstd frame of the data. */
export function zstdCompress(data: Uint8Array, level = 3): Uint8Array<ArrayBuffer> {
  const options = {
    // One output buffer that holds the worst case keeps node:zlib from growing it piece by piece.
    chunkSize: data.length + (data.length >>> 7) + 1024,
    // Lets zstd take tables for so much and no more, which it clears for each frame. Its types do not know it yet.
    pledgedSrcSize: data.length,
    params: { [zlib().constants.ZSTD_c_compressionLevel]: level },
  };
  return plainBytes(zlib().zstdCompressSync(data, options));
}

/**
 * The bytes of a zstd frame, which must be exactly so many; no more memory is taken than they need.
 *
 * @param what names it in the error
 * @throws {VerificationError} if it is damaged, something follows it, or its bytes are more or fewer
 */
export function zstdDecompress(
  data: Uint8Array,
  sizeBytes: number,
  what: string,
): Uint8Array<ArrayBuffer> {
  const stored = readStoredFrame(data, sizeBytes);
  if (stored !== undefined) return stored;
  const options = {
    maxOutputLength: Math.max(1, sizeBytes),
    chunkSize: Math.max(64, sizeBytes),
  };
  let plain: Uint8Array<ArrayBuffer>;
  try {
    // What follows would be left out in silence, or unpacked too.
    if (frameEnd(data) !== data.length) throw new RangeError("the frame ends elsewhere");
    plain = plainBytes(zlib().zstdDecompressSync(data, options));
  } catch (cause) {
    const state = codeOf(cause) === "ERR_BUFFER_TOO_LARGE"
      ? `it unpacks to more than ${sizeBytes} bytes`
      : isTooWide(data)
      ? "its frame has a window of more than 128 MiB"
      : "it is not a sound zstd frame";
    throw new VerificationError(`Cannot unpack ${what}: ${state}`, { cause });
  }
  if (plain.length !== sizeBytes) {
    throw new VerificationError(
      `Cannot unpack ${what}: it unpacks to ${plain.length} bytes instead of ${sizeBytes}`,
    );
  }
  return plain;
}

/** Whether a frame has a window of more than FORMAT.md allows, which no decoder here has room for (RFC 8878, section 3.1.1.1.2). */
export function isTooWide(frame: Uint8Array): boolean {
  const isFrame = magic.every((byte, at) => frame[at] === byte);
  const [descriptor = 0, window = 0] = frame.subarray(4, 6);
  const isSingle = descriptor >> 5 & 1;
  return isFrame && isSingle === 0 &&
    2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8) > mostWindowBytes;
}

/** Where the zstd frame that begins here ends (RFC 8878, section 3.1.1); beyond the data where it is cut off. */
export function frameEnd(data: Uint8Array): number {
  const descriptor = data[4] ?? 0;
  const isSingle = descriptor >> 5 & 1;
  const sizeBytes = [isSingle, 2, 4, 8][descriptor >> 6]!;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  let at = 5 + 1 - isSingle + dictionaryBytes + sizeBytes;
  for (let isLast = false; !isLast;) {
    if (at >= data.length) return Infinity;
    const head = data[at]! | data[at + 1]! << 8 | data[at + 2]! << 16;
    isLast = (head & 1) === 1;
    const isRun = (head >> 1 & 3) === 1;
    at += 3 + (isRun ? 1 : head >> 3);
  }
  return at + (descriptor >> 2 & 1) * 4;
}

/** The same bytes without the class `Buffer`, whose `slice` does not copy. */
function plainBytes({ buffer, byteOffset, length }: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
}
