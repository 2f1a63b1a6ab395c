/**
 * Finds where the frames of a zstd stream end, without unpacking them: `node:zlib` ends at the end of the first frame.
 *
 * Follows RFC 8878, section 3.1.1.
 *
 * @module
 */
import { VerificationError } from "../base/errors.ts";

/** Cuts pieces of a zstd stream at the ends of its frames. */
export class ZstdFrames {
  #scan = scan();
  #want: { read: number } | { skip: number } | "end";
  #kept = new Uint8Array(32);
  #keptBytes = 0;

  /** Expects the first byte of a frame. */
  constructor() {
    this.#want = this.#scan.next().value!;
  }

  /**
   * The piece, cut: each part belongs to one frame; `end` says that the frame ends with this part. The pieces must come in
   * order.
   *
   * @throws {VerificationError} if they are not zstd
   */
  *cut(
    piece: Uint8Array<ArrayBuffer>,
  ): Generator<{ bytes: Uint8Array<ArrayBuffer>; end: boolean }> {
    let from = 0;
    let at = 0;
    while (at < piece.length) {
      const want = this.#want;
      if (want === "end") {
        throw new VerificationError("Cannot read the zstd stream: it has no next frame");
      }
      if ("skip" in want) {
        const count = Math.min(want.skip, piece.length - at);
        want.skip -= count;
        at += count;
        if (want.skip > 0) break;
        this.#want = this.#scan.next(new Uint8Array()).value!;
      } else {
        const count = Math.min(want.read - this.#keptBytes, piece.length - at);
        this.#kept.set(piece.subarray(at, at + count), this.#keptBytes);
        this.#keptBytes += count;
        at += count;
        if (this.#keptBytes < want.read) break;
        this.#keptBytes = 0;
        this.#want = this.#scan.next(this.#kept.slice(0, want.read)).value!;
      }
      if (this.#want === "end") {
        yield { bytes: piece.subarray(from, at), end: true };
        from = at;
        this.#want = this.#scan.next(new Uint8Array()).value!;
      }
    }
    if (from < piece.length) yield { bytes: piece.subarray(from), end: false };
  }
}

const magic = 0xfd2fb528;
const skippableMagic = 0x184d2a5;

function* scan(): Generator<{ read: number } | { skip: number } | "end", never, Uint8Array> {
  for (;;) {
    const head = view(yield { read: 4 }).getUint32(0, true);
    if (head >>> 4 === skippableMagic) {
      const size = view(yield { read: 4 }).getUint32(0, true);
      if (size > 0) yield { skip: size };
      yield "end";
      continue;
    }
    if (head !== magic) {
      throw new VerificationError("Cannot read the zstd stream: no frame begins where one must");
    }
    const descriptor = (yield { read: 1 })[0]!;
    const single = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
    const rest = (single ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (rest > 0) yield { read: rest };
    for (;;) {
      const block = yield { read: 3 };
      const header = block[0]! | (block[1]! << 8) | (block[2]! << 16);
      const type = (header >> 1) & 3;
      if (type === 3) {
        throw new VerificationError("Cannot read the zstd stream: a block is of no known type");
      }
      const size = type === 1 ? 1 : header >> 3;
      if (size > 0) yield { skip: size };
      if ((header & 1) === 1) break;
    }
    if ((descriptor & 4) !== 0) yield { read: 4 };
    yield "end";
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
