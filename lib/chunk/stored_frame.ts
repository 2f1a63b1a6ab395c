/**
 * zstd frames that pack nothing (RFC 8878, section 3.1.1.2: raw blocks). Any zstd reads them; reading one here needs no `node:zlib`, which takes longer
 * to load than a table takes to unpack.
 *
 * @module
 */
const magic = 0xfd2fb528;
/** One segment without dictionary and checksum, whose size is stated in 32 bits. */
const descriptor = 0b1010_0000;
const startBytes = 9;
const headBytes = 3;
const mostBytes = 128 * 1024;

/**
 * A frame that holds the data as they are; they must be less than 4 GiB.
 *
 * @param frame where it goes, with room for {@linkcode storedBytes}
 */
export function storeFrame(
  data: Uint8Array,
  frame: Uint8Array<ArrayBuffer> = new Uint8Array(storedBytes(data.length)),
): Uint8Array<ArrayBuffer> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  view.setUint32(0, magic, true);
  view.setUint8(4, descriptor);
  view.setUint32(5, data.length, true);
  for (const { head, size, from, at } of blocksOf(data.length)) {
    head.forEach((byte, i) => view.setUint8(from - headBytes + i, byte));
    frame.set(data.subarray(at, at + size), from);
  }
  return frame;
}

/** The data of a frame as {@linkcode storeFrame} makes it, which must be exactly so many bytes; `undefined` for any other frame. */
export function readStoredFrame(
  frame: Uint8Array,
  sizeBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (frame.length !== storedBytes(sizeBytes)) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== magic || view.getUint8(4) !== descriptor) return undefined;
  if (view.getUint32(5, true) !== sizeBytes) return undefined;
  const data = new Uint8Array(sizeBytes);
  for (const { head, size, from, at } of blocksOf(sizeBytes)) {
    if (head.some((byte, i) => view.getUint8(from - headBytes + i) !== byte)) return undefined;
    data.set(frame.subarray(from, from + size), at);
  }
  return data;
}

/** The blocks of so many bytes: the bytes before each, its size, and where it lies in the frame and in the data. There is one at least. */
function* blocksOf(
  sizeBytes: number,
): Generator<{ head: number[]; size: number; from: number; at: number }> {
  for (let at = 0, from = startBytes + headBytes;; at += mostBytes, from += mostBytes + headBytes) {
    const size = Math.min(mostBytes, sizeBytes - at);
    const isLast = at + size === sizeBytes;
    const head = size << 3 | (isLast ? 1 : 0);
    yield { head: [head & 0xff, head >> 8 & 0xff, head >> 16], size, from, at };
    if (isLast) return;
  }
}

/** How many bytes the frame of so many takes. */
export function storedBytes(sizeBytes: number): number {
  return startBytes + Math.max(1, Math.ceil(sizeBytes / mostBytes)) * headBytes + sizeBytes;
}
