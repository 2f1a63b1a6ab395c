import { type KedgeError, UnreachableError, VerificationError } from "../../base/errors.ts";
import { writeAllSync } from "../../base/files.ts";
import type { Meter } from "../../base/meter.ts";
import { digestOf } from "../../base/digest.ts";
import { SteadySync } from "../../base/steady_sync.ts";
import type { Descriptor } from "../descriptor.ts";
import type { FileHashers } from "../file_hashers.ts";
import type { BlobTransfer, ImageSource } from "../image_store.ts";
import { wrongDigest } from "../wrong_digest.ts";

/** What {@linkcode streamIntoFile} works with. */
export interface StreamIntoFileOptions {
  /** Hash what arrives. */
  hashers: FileHashers;
  /** Told of what is noteworthy. */
  meter: Meter;
}

/** Little enough that the last part of a blob is soon durable, and enough that the syncs of several blobs are few. */
const syncEveryBytes = 8 * 1024 * 1024;

/**
 * Reads a blob as one stream into a file, and goes on where the file ends; what an earlier run left is hashed with the rest, and read again
 * where it is damaged. The disk takes the bytes while others come, so that little is left to be synced under the final name.
 *
 * @throws {VerificationError} if its bytes are wrong
 * @throws {UnreachableError} if they did not come
 */
export async function streamIntoFile(
  transfer: BlobTransfer,
  path: string,
  { hashers, meter }: StreamIntoFileOptions,
): Promise<void> {
  const { descriptor, source, progress, signal } = transfer;
  const { size } = descriptor;
  for (let resumed = true;; resumed = false) {
    using file = openAtEnd(path, resumed ? size : 0);
    const before = file.seekSync(0, Deno.SeekMode.Current);
    if (before > 0) progress.reused(before);
    using hash = hashers.open(path, size);
    await using steady = new SteadySync(path, { everyBytes: syncEveryBytes });
    let at = before;
    for await (
      const piece of before < size || size === 0 ? source.read(descriptor, before, signal) : []
    ) {
      at += piece.byteLength;
      if (at > size) {
        await Deno.remove(path);
        throw tooLong(descriptor, source);
      }
      writeAllSync(file, piece);
      progress.moved(piece.byteLength);
      hash.grown(at);
      steady.wrote(piece.byteLength);
    }
    if (at < size) throw tooShort(descriptor, source, at);
    const digest = await hash.digest(size, signal);
    if (digest === descriptor.digest) {
      await steady.end();
      return;
    }
    if (before === 0) {
      await Deno.remove(path);
      throw wrongDigest(descriptor, source.name, digest);
    }
    meter.note(`what an earlier run left of ${descriptor.digest} is damaged`, "warning");
    progress.restarted();
  }
}

/** Opens a file at the end of what is there of it, of which at most so many bytes are kept, without a thread that does it. */
function openAtEnd(path: string, mostBytes: number): Deno.FsFile {
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  try {
    if (file.seekSync(0, Deno.SeekMode.End) > mostBytes) {
      file.truncateSync(mostBytes);
      file.seekSync(mostBytes, Deno.SeekMode.Start);
    }
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Reads a small blob into memory, verified.
 *
 * @throws the errors of {@linkcode streamIntoFile}
 */
export async function streamIntoMemory(transfer: BlobTransfer): Promise<Uint8Array<ArrayBuffer>> {
  const { descriptor, source, progress, signal } = transfer;
  const { size } = descriptor;
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const piece of source.read(descriptor, 0, signal)) {
    if (at + piece.byteLength > size) throw tooLong(descriptor, source);
    bytes.set(piece, at);
    at += piece.byteLength;
    progress.moved(piece.byteLength);
  }
  if (at < size) throw tooShort(descriptor, source, at);
  const digest = await digestOf(bytes);
  if (digest !== descriptor.digest) throw wrongDigest(descriptor, source.name, digest);
  return bytes;
}

function tooLong({ digest, size }: Descriptor, source: ImageSource): KedgeError {
  return new VerificationError(
    `Cannot take ${digest} from "${source.name}": it has more than ${size} bytes`,
    { side: "source", data: { expected: digest, sizeBytes: size } },
  );
}

function tooShort({ digest, size }: Descriptor, source: ImageSource, at: number): KedgeError {
  return new UnreachableError(
    `Cannot take ${digest} from "${source.name}": it ended after ${at} of ${size} bytes`,
    { side: "source" },
  );
}
