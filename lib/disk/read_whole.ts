import { digestOf } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { DiskSource } from "./disk_store.ts";
import { orElsewhere } from "./or_elsewhere.ts";

/**
 * The bytes of a blob, all of them, verified; only for small ones.
 *
 * @throws {VerificationError} if they are more than `most`, or of another digest, wherever they can be had
 */
export async function readWhole(
  store: DiskSource,
  blob: DiskBlob,
  most: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (blob.size > most) {
    throw new VerificationError(
      `Cannot read ${blob.digest} of "${store.name}": it has ${blob.size} bytes, more than ${most}`,
      { side: "source" },
    );
  }
  return await orElsewhere(store, blob, () => readOnce(store, blob, signal));
}

async function readOnce(
  store: DiskSource,
  blob: DiskBlob,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(blob.size);
  let at = 0;
  for await (const piece of store.stream(blob, signal)) {
    if (at + piece.length > bytes.length) at = bytes.length + 1;
    else bytes.set(piece, at);
    at += piece.length;
    if (at > bytes.length) break;
  }
  if (at === bytes.length && await digestOf(bytes) === blob.digest) return bytes;
  throw new VerificationError(
    `Cannot use ${blob.digest} of "${store.name}": its bytes are not those of the digest`,
    { side: "source", data: { digest: blob.digest } },
  );
}
