/**
 * Unpacks what is packed with gzip, zstd or brotli, as it comes.
 *
 * Invariants: no more is unpacked than the reader asked for, so that a small stream which unpacks to a huge one fills no memory; a zstd
 * stream may have many frames; whoever stops reading ends the source too.
 *
 * @module
 */
import type { Transform } from "node:stream";
import { VerificationError } from "./errors.ts";
import { zlib } from "./zlib.ts";
import { ZstdFrames } from "./zstd_frames.ts";

/** How a stream is packed. */
export type PackedAs = "gzip" | "zstd" | "br";

type Bytes = Uint8Array<ArrayBuffer>;

const chunkSize = 1024 * 1024;

/**
 * What a packed stream holds. The pieces that come in may be reused by their owner once the next one is asked for.
 *
 * @throws {VerificationError} if it is damaged or cut; brotli may end early in silence, so that its contents need a check of their own
 */
export async function* decompress(
  packed: AsyncIterable<Uint8Array>,
  kind: PackedAs,
  name = "the stream",
): AsyncGenerator<Uint8Array> {
  const pieces = packed as AsyncIterable<Bytes>;
  if (kind === "zstd") return yield* everyFrame(pieces, name);
  const stream = kind === "gzip"
    ? zlib().createGunzip({ chunkSize })
    : zlib().createBrotliDecompress({ chunkSize });
  yield* through(stream, pieces, name);
}

/** The kind that the first bytes of a stream show; `undefined` for none of these. */
export function packedAs(start: Uint8Array): "gzip" | "zstd" | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  const isZstd = start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd && start[0] === 0x28;
  const isSkippable = (start[0]! & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d &&
    start[3] === 0x18;
  return isZstd || isSkippable ? "zstd" : undefined;
}

async function* everyFrame(pieces: AsyncIterable<Bytes>, name: string): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames();
  async function* cuts() {
    for await (const piece of pieces) yield* frames.cut(piece);
  }
  const parts = cuts();
  try {
    for (;;) {
      const first = await parts.next();
      if (first.done) break;
      const frame = oneFrame(first.value, parts, name);
      yield* through(zlib().createZstdDecompress({ chunkSize }), frame, name);
    }
  } finally {
    await parts.return(undefined);
  }
}

async function* oneFrame(
  first: { bytes: Bytes; end: boolean },
  parts: AsyncIterator<{ bytes: Bytes; end: boolean }>,
  name: string,
): AsyncGenerator<Bytes> {
  for (let part = first;;) {
    yield part.bytes;
    if (part.end) return;
    const next = await parts.next();
    if (next.done) throw damaged(name, "its last frame is cut");
    part = next.value;
  }
}

async function* through(
  stream: Transform,
  pieces: AsyncIterable<Bytes>,
  name: string,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  const closed = new Promise<"closed">((done) => stream.once("close", () => done("closed")));
  const feed = async () => {
    for await (const piece of pieces) {
      const taken = new Promise<"taken">((done) => stream.write(piece, () => done("taken")));
      if (await Promise.race([taken, closed]) === "closed" || stream.destroyed) return;
    }
    stream.end();
  };
  const fed = feed().catch((error) => {
    failure = error;
    stream.destroy(error as Error);
  });
  try {
    yield* stream;
  } catch (cause) {
    if (failure !== undefined) throw failure;
    throw damaged(name, (cause as Error).message, cause);
  } finally {
    stream.destroy();
    await fed;
  }
}

function damaged(name: string, state: string, cause?: unknown): VerificationError {
  return new VerificationError(`Cannot unpack ${name}: ${state}`, { cause });
}
