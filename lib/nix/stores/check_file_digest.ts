import { type Hasher, sameDigest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import type { ObjectFile } from "./object_store.ts";

/**
 * Refuses bytes that are not those of the file.
 *
 * @throws {VerificationError} if what was hashed has another digest
 */
export function checkFileDigest(hasher: Hasher, file: ObjectFile): void {
  if (sameDigest(hasher.digest(), file.digest)) return;
  throw new VerificationError(
    `Cannot send "${file.path}": its bytes have the digest ${hasher.digest()} instead of ${file.digest}`,
    { side: "source", hint: "the cache is damaged; kedge cache:verify finds what is" },
  );
}
