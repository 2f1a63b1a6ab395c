import { type Digest, Hasher } from "./digest.ts";

const bufferBytes = 1024 * 1024;

/** Options of {@linkcode hashFile}. */
export interface HashFileOptions {
  /** Told of each piece read, in bytes. */
  onRead?: (bytes: number) => void;
  /** Ends the reading. */
  signal?: AbortSignal;
}

/** The sha256 and the size in bytes of a file, read in pieces of 1 MiB. */
export async function hashFile(
  path: string,
  options: HashFileOptions = {},
): Promise<{ digest: Digest; size: number }> {
  using file = await Deno.open(path, { read: true });
  const hasher = new Hasher();
  const buffer = new Uint8Array(bufferBytes);
  for (;;) {
    options.signal?.throwIfAborted();
    const count = await file.read(buffer);
    if (count === null) break;
    hasher.update(buffer.subarray(0, count));
    options.onRead?.(count);
  }
  return { digest: hasher.digest(), size: hasher.size };
}
