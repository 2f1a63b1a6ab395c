/**
 * Unpacks a NAR as it comes from a store, hashes it packed and unpacked, and reads it to its end.
 *
 * @module
 */
import { decompress } from "../../base/decompress.ts";
import { Hasher } from "../../base/digest.ts";
import { KedgeError, VerificationError } from "../../base/errors.ts";
import { runProcess } from "../../base/process_group.ts";
import { NarVerifier, type NarVisitor } from "./nar_verifier.ts";
import type { PackedNar } from "./packed_nar.ts";

/** Options of {@linkcode unpackNar}. */
export interface UnpackNarOptions {
  /** Ends the reading. */
  signal?: AbortSignal;
  /** The size that it says it has, in bytes; what comes beyond is refused before it is told of. @default {no limit} */
  narSize?: number;
  /** Told of what it holds, before the whole is known to be right. */
  visitor?: NarVisitor;
}

const programs: ReadonlyMap<string, readonly string[]> = new Map([
  ["xz", ["xz", "--decompress", "--stdout", "--memlimit-decompress=512MiB"]],
  ["bzip2", ["bzip2", "--decompress", "--stdout"]],
  ["lz4", ["lz4", "-d", "-c"]],
  ["lzip", ["lzip", "--decompress", "--stdout"]],
]);

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
  const verifier = new NarVerifier(options.visitor);
  const { narSize = Infinity } = options;
  let size = 0;
  const take = (piece: Uint8Array) => {
    size += piece.length;
    if (size > narSize) {
      throw new VerificationError(`Cannot unpack the NAR: it has more than ${narSize} bytes`);
    }
    verifier.update(piece);
  };
  const counted = count(packed, file, options.signal);
  const kind = compression === "zstd" || compression === "gzip" || compression === "br"
    ? compression
    : undefined;
  if (compression === "none" || compression === "") {
    for await (const piece of counted) take(piece);
  } else if (kind !== undefined) {
    for await (const piece of decompress(counted, kind, { name: "the NAR" })) take(piece);
  } else {
    await unpackWithProgram(counted, compression, take, options.signal);
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

async function unpackWithProgram(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  compression: string,
  take: (piece: Uint8Array) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [program, ...args] = programs.get(compression) ?? [];
  if (program === undefined) {
    throw new VerificationError(
      `Cannot unpack the NAR: its compression is ${JSON.stringify(compression.slice(0, 40))}`,
    );
  }
  try {
    const { code, stderr } = await runProcess(program, {
      args,
      stdin: ReadableStream.from(pieces),
      onStdout: take,
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
