/**
 * Unpacks a NAR as it comes from a store, hashes it packed and unpacked, and reads it to its end.
 *
 * @module
 */
import { zlib } from "../base/zlib.ts";
import type { Transform } from "node:stream";
import { Hasher } from "../base/digest.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import { runProcess } from "../base/process_group.ts";
import { NarVerifier } from "./nar_verifier.ts";
import type { PackedNar } from "./packed_nar.ts";
import { ZstdFrames } from "../base/zstd_frames.ts";

/** Options of {@linkcode unpackNar}. */
export interface UnpackNarOptions {
  /** Ends the reading. */
  signal?: AbortSignal;
}

const programs: Record<string, readonly string[]> = {
  xz: ["xz", "--decompress", "--stdout"],
  bzip2: ["bzip2", "--decompress", "--stdout"],
  lz4: ["lz4", "-d", "-c"],
  lzip: ["lzip", "--decompress", "--stdout"],
};

/**
 * What a packed NAR holds.
 *
 * @throws {VerificationError} if it is not packed that way, or no NAR
 */
export async function unpackNar(
  packed: ReadableStream<Uint8Array>,
  compression: string,
  options: UnpackNarOptions = {},
): Promise<PackedNar> {
  const file = new Hasher();
  const verifier = new NarVerifier();
  const counted = count(packed, file, options.signal);
  if (compression === "none" || compression === "") {
    for await (const piece of counted) verifier.update(piece);
  } else if (compression === "zstd") {
    await unpackZstd(counted, verifier);
  } else if (compression === "gzip" || compression === "br") {
    const stream = compression === "gzip" ? zlib().createGunzip() : zlib().createBrotliDecompress();
    const feeder = new Feeder(stream, verifier);
    for await (const piece of counted) await feeder.write(piece);
    await feeder.end();
  } else {
    await unpackWithProgram(counted, compression, verifier, options.signal);
  }
  return { ...verifier.end(), fileHash: file.digest(), fileSize: file.size };
}

async function* count(
  packed: ReadableStream<Uint8Array>,
  hasher: Hasher,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const piece of packed) {
    signal?.throwIfAborted();
    hasher.update(piece);
    yield piece as Uint8Array<ArrayBuffer>;
  }
}

async function unpackZstd(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  verifier: NarVerifier,
): Promise<void> {
  const frames = new ZstdFrames();
  let feeder: Feeder | undefined;
  for await (const piece of pieces) {
    for (const { bytes, end } of frames.cut(piece)) {
      feeder ??= new Feeder(zlib().createZstdDecompress(), verifier);
      await feeder.write(bytes);
      if (!end) continue;
      await feeder.end();
      feeder = undefined;
    }
  }
  if (frames.within) throw new VerificationError("Cannot unpack the NAR: its zstd stream is cut");
}

/** Writes into a stream of node:zlib and hands on what comes out of it. */
class Feeder {
  #stream: Transform;
  #failure: Promise<never>;
  #ended: Promise<void>;

  constructor(stream: Transform, verifier: NarVerifier) {
    this.#stream = stream;
    const failure = Promise.withResolvers<never>();
    const ended = Promise.withResolvers<void>();
    this.#failure = failure.promise;
    this.#ended = ended.promise;
    failure.promise.catch(() => undefined);
    stream.on("data", (piece: Uint8Array) => {
      try {
        verifier.update(piece);
      } catch (error) {
        failure.reject(error);
        stream.destroy();
      }
    });
    stream.once("end", () => ended.resolve());
    stream.once("error", (cause) => {
      failure.reject(
        new VerificationError(`Cannot unpack the NAR: ${(cause as Error).message}`, { cause }),
      );
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    const taken = new Promise<void>((resolve) => this.#stream.write(bytes, () => resolve()));
    await Promise.race([taken, this.#failure]);
  }

  async end(): Promise<void> {
    this.#stream.end();
    await Promise.race([this.#ended, this.#failure]);
  }
}

async function unpackWithProgram(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  compression: string,
  verifier: NarVerifier,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [program, ...args] = programs[compression] ?? [];
  if (program === undefined) {
    throw new VerificationError(
      `Cannot unpack the NAR: its compression is ${JSON.stringify(compression.slice(0, 40))}`,
    );
  }
  try {
    const { code, stderr } = await runProcess(program, {
      args,
      stdin: ReadableStream.from(pieces),
      onStdout: (piece) => verifier.update(piece),
      ...(signal === undefined ? {} : { signal }),
    });
    if (code !== 0) {
      throw new VerificationError(`Cannot unpack the NAR: ${program} says ${stderr.trim()}`);
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new KedgeError(`Cannot unpack the NAR: the program ${program} is not installed`, {
      cause,
    });
  }
}
