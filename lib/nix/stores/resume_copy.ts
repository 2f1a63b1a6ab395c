import defer * as nodeBuffer from "node:buffer";
import { persistFile } from "../../base/atomic_file.ts";
import { Hasher } from "../../base/digest.ts";
import { isDenied } from "../../base/files.ts";
import type { ObjectMeter } from "../../base/meter.ts";
import { checkFileDigest } from "./check_file_digest.ts";
import type { ObjectFile } from "./object_store.ts";

const bufferBytes = 1024 * 1024;

/**
 * Copies a large file, going on with what an earlier run left beside the target: what is there is compared, the rest is written. The folder of the target
 * is not synced. Two
 * writers of one object write the same bytes to the same places, so neither harms the other.
 */
export async function resumeCopy(
  source: ObjectFile,
  path: string,
  meter: ObjectMeter,
  signal: AbortSignal | undefined,
): Promise<void> {
  const partial = `${path}.partial`;
  {
    using input = await Deno.open(source.path, { read: true });
    using output = await Deno.open(partial, { read: true, write: true, create: true });
    // A prune takes what nobody wrote to for long; what another user left stays as old as it is.
    await output.utime(new Date(), new Date()).catch((error) => {
      if (!isDenied(error)) throw error;
    });
    const standing = (await output.stat()).size;
    const hasher = new Hasher();
    const buffer = new Uint8Array(bufferBytes);
    const there = new Uint8Array(bufferBytes);
    for (let offset = 0;;) {
      signal?.throwIfAborted();
      const count = await input.read(buffer);
      if (count === null) break;
      const piece = buffer.subarray(0, count);
      hasher.update(piece);
      if (offset + count <= standing && await isThere(output, piece, there.subarray(0, count))) {
        meter.reused(count);
      } else {
        await output.seek(offset, Deno.SeekMode.Start);
        for (let at = 0; at < count;) at += await output.write(piece.subarray(at));
        meter.moved(count);
      }
      offset += count;
    }
    checkFileDigest(hasher, source);
    if (standing > source.size) await output.truncate(source.size);
  }
  try {
    await persistFile(partial, path, { mode: 0o644, syncFolder: false });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // Another writer of the same bytes was first.
    if ((await Deno.stat(path)).size !== source.size) throw error;
  }
}

/** Whether the file goes on with these bytes; its position is after them then. */
async function isThere(
  file: Deno.FsFile,
  expected: Uint8Array,
  buffer: Uint8Array,
): Promise<boolean> {
  for (let at = 0; at < buffer.length;) {
    const count = await file.read(buffer.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return nodeBuffer.Buffer.compare(buffer, expected) === 0;
}
