/**
 * The framing that Apple's Compression library puts around LZ4 blocks.
 *
 * A stream is a row of blocks, each with a magic: `bv41`, u32 plain size, u32 packed size, an LZ4 block; `bv4-`, u32 size, plain
 * bytes; `bv4$` ends it. Numbers are little-endian. A block may refer to the plaintext before it, as far as LZ4 reaches (64 KiB).
 *
 * @module
 */
import { VerificationError } from "../../base/errors.ts";
import { unpackLz4Block } from "./lz4_block.ts";

const historyBytes = 64 * 1024;
/** Apple's writer makes blocks of 64 KiB; so much is accepted. */
const largestBlock = 4 * 1024 * 1024;

/**
 * The plaintext of a stream, piece by piece; a piece is only good until the next one is asked for.
 *
 * @param sizeBytes how many bytes it must unpack to
 * @param what names it in the error
 * @throws {VerificationError} if the stream is damaged, goes on after its end, or unpacks to more or fewer bytes
 */
export async function* unpackAppleLz4(
  stream: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  what = "the LZ4 stream",
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const refused = (state: string) =>
    new VerificationError(`Cannot unpack ${what}: ${state}`, { side: "source" });
  await using input = new ByteQueue(stream, () => refused("it is cut off"));
  let window = new Uint8Array(historyBytes * 4);
  let at = 0;
  let total = 0;
  for (;;) {
    const magic = String.fromCharCode(...await input.take(4));
    if (magic === "bv4$") break;
    if (magic !== "bv41" && magic !== "bv4-") throw refused("a block has an unknown magic");
    const plainBytes = u32(await input.take(4));
    if (plainBytes > largestBlock) throw refused(`a block has ${plainBytes} bytes`);
    if (total + plainBytes > sizeBytes) throw refused(`it unpacks to more than ${sizeBytes} bytes`);
    if (at + plainBytes > window.length) {
      const kept = Math.min(at, historyBytes);
      const next = kept + plainBytes > window.length
        ? new Uint8Array((kept + plainBytes) * 2)
        : window;
      next.set(window.subarray(at - kept, at));
      window = next;
      at = kept;
    }
    if (magic === "bv4-") {
      window.set(await input.take(plainBytes), at);
    } else {
      const packedBytes = u32(await input.take(4));
      if (packedBytes > largestBlock) throw refused(`a block has ${packedBytes} packed bytes`);
      unpackLz4Block(await input.take(packedBytes), window, at, at + plainBytes, what);
    }
    total += plainBytes;
    at += plainBytes;
    yield window.subarray(at - plainBytes, at);
  }
  if (!await input.ended()) throw refused("bytes follow its end");
  if (total !== sizeBytes) throw refused(`it unpacks to ${total} bytes instead of ${sizeBytes}`);
}

/** Gives bytes in the portions in which they are asked for, and ends where they come from. */
class ByteQueue implements AsyncDisposable {
  #iterator: AsyncIterator<Uint8Array>;
  #piece = new Uint8Array(0) as Uint8Array;
  #at = 0;
  #cutOff: () => Error;

  constructor(stream: AsyncIterable<Uint8Array>, cutOff: () => Error) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#cutOff = cutOff;
  }

  async take(count: number): Promise<Uint8Array> {
    if (this.#piece.length - this.#at >= count) {
      return this.#piece.subarray(this.#at, this.#at += count);
    }
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#at === this.#piece.length && !await this.#next()) throw this.#cutOff();
      const part = this.#piece.subarray(this.#at, this.#at + count - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#at += part.length;
    }
    return bytes;
  }

  async ended(): Promise<boolean> {
    return this.#at === this.#piece.length && !await this.#next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iterator.return?.();
  }

  async #next(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#iterator.next();
      if (done) return false;
      if (value.length === 0) continue;
      this.#piece = value;
      this.#at = 0;
      return true;
    }
  }
}

function u32(bytes: Uint8Array): number {
  return (bytes[0]! | bytes[1]! << 8 | bytes[2]! << 16 | bytes[3]! << 24) >>> 0;
}
