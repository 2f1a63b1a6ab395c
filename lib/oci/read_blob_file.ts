import { VerificationError } from "../base/errors.ts";
import { checkBlobFile } from "./check_blob_file.ts";
import type { Descriptor } from "./descriptor.ts";

const bufferBytes = 1024 * 1024;

/** Which blob {@linkcode readBlobFile} reads, and how. */
export interface ReadBlobFileOptions {
  /** What the file is to be. */
  descriptor: Descriptor;
  /** Where it comes from, for messages. */
  name: string;
  /** The first byte that is wanted. @default {0} */
  start?: number;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
}

/**
 * The bytes of a blob from a file of this machine, not hashed; a piece is reused once the next one is asked for.
 *
 * @throws {VerificationError} if it is not a file, or one of another size
 * @throws {Deno.errors.NotFound} if there is none
 */
export async function* readBlobFile(
  path: string,
  { descriptor, name, start = 0, signal }: ReadBlobFileOptions,
): AsyncIterableIterator<Uint8Array> {
  await checkBlobFile(path, descriptor, name);
  using file = await Deno.open(path);
  const { size } = await file.stat();
  if (size !== descriptor.size) {
    throw new VerificationError(
      `Cannot take ${descriptor.digest} from "${name}": it has ${size} bytes, not ${descriptor.size}`,
      { side: "source", data: { expected: descriptor.digest, sizeBytes: descriptor.size } },
    );
  }
  if (start > 0) await file.seek(start, Deno.SeekMode.Start);
  const buffer = new Uint8Array(bufferBytes);
  for (;;) {
    signal?.throwIfAborted();
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
  }
}
