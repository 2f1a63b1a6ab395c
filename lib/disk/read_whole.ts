import { digestOf } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { DiskStore } from "./disk_store.ts";

/** The bytes of a blob, all of them, verified; only for small ones. */
export async function readWhole(
  store: DiskStore,
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
