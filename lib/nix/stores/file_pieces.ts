import { Hasher } from "../../base/digest.ts";
import { checkFileDigest } from "./check_file_digest.ts";
import type { ObjectFile } from "./object_store.ts";

const bufferBytes = 256 * 1024;

/**
 * The bytes of a file; the last piece is held back until the hash of all is known to be right, unless this run hashed them already. A piece
 * is to be used up before the next one is asked for.
 *
 * @throws {VerificationError} if the file has another digest
 */
export async function* filePieces(file: ObjectFile): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using input = await Deno.open(file.path, { read: true });
  const hasher = file.fresh ? undefined : new Hasher();
  let held = new Uint8Array(bufferBytes);
  let next = new Uint8Array(bufferBytes);
  let heldBytes = await input.read(held) ?? 0;
  for (;;) {
    hasher?.update(held.subarray(0, heldBytes));
    const count = await input.read(next);
    if (count === null) break;
    yield held.subarray(0, heldBytes);
    [held, next] = [next, held];
    heldBytes = count;
  }
  if (hasher !== undefined) checkFileDigest(hasher, file);
  yield held.subarray(0, heldBytes);
}
