/**
 * The bytes of a tarball without its compression, one piece after the other.
 *
 * Invariants: memory is bounded whatever the file says of itself (zstd windows of at most 128 MiB, xz of at most 512 MiB); an
 * abort ends the reading and the `xz` program; a file that is cut short or damaged is a {@linkcode VerificationError}.
 *
 * @module
 */
import { damagedData, decompress } from "../base/decompress.ts";
import { KedgeError } from "../base/errors.ts";
import type { GrowingFile } from "../base/growing_file.ts";
import { signalChild } from "../base/process_group.ts";
import type { TarballCompression } from "./tarball_compression.ts";

const pieceBytes = 256 * 1024;

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
    case "zstd":
      return decompress(file.pieces(pieceBytes, { signal, reuse: true }), compression, {
        name: `"${name}"`,
        pieceBytes,
      });
    case "xz":
      return xzBytes(file, name, signal);
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
    if (!success) throw damagedData(`"${name}"`, "xz", (await complaint).trim());
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
