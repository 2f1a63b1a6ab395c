/**
 * Unpacks what is packed with gzip, zstd or brotli, as it comes.
 *
 * Invariants: no more is unpacked than the reader asked for, so that a small stream which unpacks to a huge one fills no memory; of what
 * it unpacked, zstd keeps 128 MiB at most; a zstd stream may have many frames; whoever stops reading ends the source too.
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

/** How {@linkcode decompress} unpacks. */
export interface DecompressOptions {
  /** What errors call the stream. @default {"the stream"} */
  name?: string;
  /** The most bytes of a piece that it gives. @default {1 MiB} */
  pieceBytes?: number;
}

/**
 * What a packed stream holds. The pieces that come in may be reused by their owner once the next one is asked for.
 *
 * @throws {VerificationError} if it is damaged or cut; brotli may end early in silence, so that its contents need a check of their own
 */
export async function* decompress(
  packed: AsyncIterable<Uint8Array>,
  kind: PackedAs,
  { name = "the stream", pieceBytes = 1024 * 1024 }: DecompressOptions = {},
): AsyncGenerator<Uint8Array> {
  const pieces = packed as AsyncIterable<Bytes>;
  const damaged: Damaged = (state, cause) => damagedData(name, kind, state, cause);
  const options = { chunkSize: pieceBytes };
  switch (kind) {
    case "gzip":
      return yield* through(zlib().createGunzip(options), pieces, damaged);
    case "br":
      return yield* through(zlib().createBrotliDecompress(options), pieces, damaged);
    case "zstd":
      return yield* everyFrame(pieces, () => zlib().createZstdDecompress(options), damaged);
  }
}

/** The error of packed data that are cut or no such data, in the words of whoever unpacks them. */
export function damagedData(
  name: string,
  kind: string,
  state: string,
  cause?: unknown,
): VerificationError {
  const fault = /unexpected end/i.test(state)
    ? "it is cut short"
    : `its ${kind} data is damaged (${state})`;
  return new VerificationError(`Cannot unpack ${name}: ${fault}`, { cause });
}

/** The kind that the first bytes of a stream show; `undefined` for none of these. */
export function packedAs(start: Uint8Array): "gzip" | "zstd" | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  const isZstd = start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd && start[0] === 0x28;
  const isSkippable = (start[0]! & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d &&
    start[3] === 0x18;
  return isZstd || isSkippable ? "zstd" : undefined;
}

type Damaged = (state: string, cause?: unknown) => VerificationError;

async function* everyFrame(
  pieces: AsyncIterable<Bytes>,
  unpacking: () => Transform,
  damaged: Damaged,
): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames();
  async function* cuts() {
    for await (const piece of pieces) yield* frames.cut(piece);
  }
  const parts = cuts();
  try {
    for (;;) {
      const first = await parts.next();
      if (first.done) break;
      yield* through(unpacking(), oneFrame(first.value, parts, damaged), damaged);
    }
  } finally {
    await parts.return(undefined);
  }
}

async function* oneFrame(
  first: { bytes: Bytes; end: boolean },
  parts: AsyncIterator<{ bytes: Bytes; end: boolean }>,
  damaged: Damaged,
): AsyncGenerator<Bytes> {
  for (let part = first;;) {
    yield part.bytes;
    if (part.end) return;
    const next = await parts.next();
    if (next.done) throw damaged("unexpected end of its last frame");
    part = next.value;
  }
}

async function* through(
  stream: Transform,
  pieces: AsyncIterable<Bytes>,
  damaged: Damaged,
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
    throw damaged((cause as Error).message, cause);
  } finally {
    stream.destroy();
    await fed;
  }
}
