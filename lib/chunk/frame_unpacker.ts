/**
 * Unpacks one zstd frame after the other, into buffers that are given.
 *
 * `zstdDecompressSync()` makes a decoder and a buffer at each call, which for chunks of 64 KiB takes more than half as long again as the unpacking. Here one
 * decoder is kept. It is the binding under the streams of `node:zlib`, which nobody documents; so whatever it does not take exactly goes to
 * `zstdDecompressSync()`, which then decides.
 *
 * @module
 */
import { zlib } from "../base/zlib.ts";
import { frameEnd, zstdDecompress } from "./zstd.ts";

/** The inside of a stream of node:zlib, as far as it is there. */
export interface ZstdStream {
  /** The decoder. */
  readonly _handle?: {
    reset?(): void;
    writeSync?(
      flush: number,
      ...views: [Uint8Array, start: number, size: number, Uint8Array, start: number, size: number]
    ): void;
  };
  /** How many bytes of the output, and of the input, the last call left. */
  readonly _writeState?: Uint32Array;
  /** Lets the decoder go. */
  destroy?(): void;
}

/** Keeps a decoder. */
export class FrameUnpacker {
  #open: () => ZstdStream;
  #stream: ZstdStream | undefined;

  /** `open` makes a stream to take the decoder of. */
  constructor(open: () => ZstdStream = openStream) {
    this.#open = open;
  }

  /** Fills a buffer with the bytes of a frame; `false` if these are fewer or more, or the frame is damaged. It writes nowhere else. */
  unpack(frame: Uint8Array, output: Uint8Array): boolean {
    if (this.#fill(frame, output)) return true;
    try {
      output.set(zstdDecompress(frame, output.length, "a frame"));
      return true;
    } catch {
      return false;
    }
  }

  #fill(frame: Uint8Array, output: Uint8Array): boolean {
    const { _handle: decoder, _writeState: left } = this.#stream ??= this.#open();
    if (decoder?.reset === undefined || decoder.writeSync === undefined) return false;
    try {
      decoder.reset();
      const { ZSTD_e_end } = zlib().constants;
      decoder.writeSync(ZSTD_e_end, frame, 0, frame.length, output, 0, output.length);
      // A decoder that filled the output says nothing of a checksum that is still to come.
      return left?.[0] === 0 && left[1] === 0 && frameEnd(frame) === frame.length;
    } catch {
      // A decoder that failed once fails ever after.
      this.#stream.destroy?.();
      this.#stream = undefined;
      return false;
    }
  }
}

function openStream(): ZstdStream {
  return zlib().createZstdDecompress() as unknown as ZstdStream;
}
