/**
 * The bytes of a tarball without its compression, one piece after the other.
 *
 * Invariants: memory is bounded whatever the file says of itself (zstd windows of at most 128 MiB, xz of at most 512 MiB); an
 * abort ends the reading and the `xz` program; a file that is cut short or damaged is a {@linkcode VerificationError}.
 *
 * @module
 */
import { zlib } from "../base/zlib.ts";
import type { Transform } from "node:stream";
import { KedgeError, VerificationError } from "../base/errors.ts";
import type { GrowingFile } from "../base/growing_file.ts";
import { signalChild } from "../base/process_group.ts";
import { ZstdFrames } from "../base/zstd_frames.ts";
import type { TarballCompression } from "./tarball_compression.ts";

const pieceBytes = 256 * 1024;
const unpackedPieceBytes = 256 * 1024;

/**
 * Reads a packed file, which may still be growing; what is packed by xz is read once it is whole.
 *
 * @param name what errors call the file
 * @throws {VerificationError} if the packed data is cut short or damaged
 * @throws {KedgeError} if the file is packed by xz and the program `xz` is missing
 */
export function unpackedBytes(
  file: GrowingFile,
  compression: TarballCompression,
  name: string,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "none":
      return file.pieces(pieceBytes, { signal });
    case "gzip":
      return gzipBytes(file, name, signal);
    case "zstd":
      return zstdBytes(file, name, signal);
    case "xz":
      return xzBytes(file, name, signal);
  }
}

async function* gzipBytes(
  file: GrowingFile,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const transform = zlib().createGunzip({ chunkSize: unpackedPieceBytes });
  yield* through(transform, file.pieces(pieceBytes, { signal, reuse: true }), "gzip", name, signal);
}

/** A zstd file may hold many frames, and `node:zlib` ends at the end of the first: each gets a decompressor of its own. */
async function* zstdBytes(
  file: GrowingFile,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const parts = frameParts(file, name, signal);
  try {
    for (;;) {
      const first = await parts.next();
      if (first.done) return;
      const transform = zlib().createZstdDecompress({
        chunkSize: unpackedPieceBytes,
        params: { [zlib().constants.ZSTD_d_windowLogMax]: 27 },
      });
      yield* through(transform, oneFrame(first.value, parts), "zstd", name, signal);
    }
  } finally {
    await parts.return(undefined);
  }
}

type FramePart = { bytes: Uint8Array<ArrayBuffer>; end: boolean };

async function* frameParts(
  file: GrowingFile,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<FramePart, undefined> {
  const frames = new ZstdFrames();
  for await (const piece of file.pieces(pieceBytes, { signal })) yield* frames.cut(piece);
  if (frames.within) throw new VerificationError(`Cannot unpack "${name}": it is cut short`);
}

async function* oneFrame(
  first: FramePart,
  parts: AsyncGenerator<FramePart, undefined>,
): AsyncGenerator<Uint8Array> {
  yield first.bytes;
  for (let { end } = first; !end;) {
    const next = await parts.next();
    if (next.done) return;
    yield next.value.bytes;
    end = next.value.end;
  }
}

async function* through(
  transform: Transform,
  pieces: AsyncIterable<Uint8Array>,
  compression: TarballCompression,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const fed = feed(transform, pieces);
  try {
    for await (const piece of transform) yield piece as Uint8Array;
    await fed;
  } catch (cause) {
    signal.throwIfAborted();
    throw damaged(name, compression, cause);
  } finally {
    transform.destroy();
    await fed;
  }
}

/**
 * Writes pieces into a transform, each after the one before was used up, so that they may share memory; what goes wrong with them
 * becomes the transform's own error.
 */
async function feed(transform: Transform, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  let resume = () => {};
  transform.once("close", () => resume());
  try {
    for await (const piece of pieces) {
      if (transform.destroyed) return;
      await new Promise<void>((resolve) => {
        resume = resolve;
        transform.write(piece, () => resolve());
      });
    }
    transform.end();
  } catch (error) {
    transform.destroy(error as Error);
  }
}

async function* xzBytes(
  file: GrowingFile,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await file.finished();
  signal.throwIfAborted();
  const child = spawnXz(file.path, name);
  const stop = () => signalChild(child, "SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  const complaint = new Response(child.stderr).text();
  let done = false;
  try {
    yield* child.stdout;
    done = true;
    const { success } = await child.status;
    signal.throwIfAborted();
    if (!success) throw damaged(name, "xz", new Error((await complaint).trim()));
  } finally {
    signal.removeEventListener("abort", stop);
    if (!done) stop();
    await Promise.all([child.status, complaint]);
  }
}

function spawnXz(path: string, name: string): Deno.ChildProcess {
  try {
    return new Deno.Command("xz", {
      args: ["-dc", "--format=xz", "--memlimit-decompress=512MiB", "--", path],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: Deno.build.os !== "windows",
    }).spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new KedgeError(`Cannot unpack "${name}": the program xz is missing`, {
      cause,
      hint: "install xz (Debian: xz-utils), or use a bundle packed by gzip or zstd",
    });
  }
}

function damaged(name: string, compression: TarballCompression, cause: unknown): Error {
  if (cause instanceof KedgeError || !(cause instanceof Error)) return cause as Error;
  const { code } = cause as { code?: string };
  const ofSystem = code !== undefined && /^E[A-Z]+$/.test(code);
  if (ofSystem || cause instanceof Deno.errors.NotFound) return cause;
  const state = /unexpected end/i.test(cause.message)
    ? "it is cut short"
    : `its ${compression} data is damaged (${cause.message})`;
  return new VerificationError(`Cannot unpack "${name}": ${state}`, { cause });
}
