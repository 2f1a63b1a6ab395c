import { type KedgeError, UnreachableError, VerificationError } from "../base/errors.ts";
import { writeAllSync } from "../base/files.ts";
import { hashFile } from "../base/hash_file.ts";
import type { Meter } from "../base/meter.ts";
import { digestOf } from "../base/digest.ts";
import { SteadySync } from "../base/steady_sync.ts";
import type { Descriptor } from "./descriptor.ts";
import type { FileHashers } from "./file_hashers.ts";
import type { BlobTransfer, ImageSource } from "./image_store.ts";
import { wrongDigest } from "./wrong_digest.ts";

/** What {@linkcode streamIntoFile} works with. */
export interface StreamIntoFileOptions {
  /** Hash what arrives. */
  hashers: FileHashers;
  /** Told of what is noteworthy. */
  meter: Meter;
}

const workerFromBytes = 4 * 1024 * 1024;
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
    using file = await Deno.open(path, { read: true, write: true, create: true });
    const before = resumed ? Math.min((await file.stat()).size, size) : 0;
    await file.truncate(before);
    await file.seek(before, Deno.SeekMode.Start);
    if (before > 0) progress.reused(before);
    using hash = size >= workerFromBytes ? hashers.open(path) : undefined;
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
      hash?.grown(at);
      steady.wrote(piece.byteLength);
    }
    if (at < size) throw tooShort(descriptor, source, at);
    const digest = await hash?.digest(size, signal) ?? (await hashFile(path, { signal })).digest;
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
