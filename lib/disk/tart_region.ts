/** The place of a Tart layer in a file. @module */
import { type Digest, Hasher } from "../base/digest.ts";
import { ifThere } from "../base/files.ts";
import { SparseWriter } from "./sparse_writer.ts";
import type { TartLayer } from "./tart_disk.ts";

const bufferBytes = 1024 * 1024;

/** Where the content of a layer stands. */
export interface TartRegion {
  /** The file. */
  readonly path: string;
  /** Where it begins there. */
  readonly offset: number;
}

/** The digest of a layer's place in a file, which tells what it reads; `undefined` if the file ends before. */
export async function regionDigest(
  path: string,
  layer: TartLayer,
  { signal, onRead }: { signal: AbortSignal; onRead?: (bytes: number) => void },
): Promise<Digest | undefined> {
  const info = await ifThere(Deno.stat(path));
  if (info?.isFile !== true || info.size < layer.offset + layer.size) return undefined;
  using file = await ifThere(Deno.open(path));
  if (file === undefined) return undefined;
  const hasher = new Hasher();
  const buffer = new Uint8Array(bufferBytes);
  await file.seek(layer.offset, Deno.SeekMode.Start);
  for (let left = layer.size; left > 0;) {
    signal.throwIfAborted();
    const count = await file.read(buffer.subarray(0, Math.min(bufferBytes, left)));
    if (count === null) return undefined;
    hasher.update(buffer.subarray(0, count));
    onRead?.(count);
    left -= count;
  }
  return hasher.digest();
}

/** Copies a region to the place of a layer in an open file; `false` if its bytes are not those of the layer by now. */
export async function copyRegion(
  from: TartRegion,
  target: Deno.FsFile,
  layer: TartLayer,
  signal: AbortSignal,
): Promise<boolean> {
  const info = await ifThere(Deno.stat(from.path));
  using source = info?.isFile === true ? await ifThere(Deno.open(from.path)) : undefined;
  if (source === undefined) return false;
  const writer = new SparseWriter(target);
  const hasher = new Hasher();
  const buffer = new Uint8Array(bufferBytes);
  await source.seek(from.offset, Deno.SeekMode.Start);
  for (let at = 0; at < layer.size;) {
    signal.throwIfAborted();
    const count = await source.read(buffer.subarray(0, Math.min(bufferBytes, layer.size - at)));
    if (count === null) return false;
    const piece = buffer.subarray(0, count);
    hasher.update(piece);
    await writer.write(layer.offset + at, piece);
    at += count;
  }
  return hasher.digest() === layer.digest;
}
