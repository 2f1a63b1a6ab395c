import { type Digest, Hasher } from "../base/digest.ts";

const pieceBytes = 1024 * 1024;

/** The digest of the first bytes of a file. */
export async function hashPrefix(
  path: string,
  bytes: number,
  signal: AbortSignal,
): Promise<Digest> {
  const hasher = new Hasher();
  for await (const piece of readPieces(path, 0, bytes, signal)) hasher.update(piece);
  return hasher.digest();
}

/** Reads the bytes of a file between two offsets, as far as it has them; `onTaken` is told how many were taken. */
export async function* readPieces(
  path: string,
  start: number,
  end: number,
  signal: AbortSignal,
  onTaken: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  await file.seek(start, Deno.SeekMode.Start);
  for (let at = start; at < end;) {
    signal.throwIfAborted();
    const buffer = new Uint8Array(Math.min(pieceBytes, end - at));
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
    onTaken(count);
    at += count;
  }
}
