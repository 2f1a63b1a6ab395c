/**
 * Digests as texts, apart from the hashing, which not everybody needs who reads one.
 *
 * @module
 */
import type { Digest } from "./digest.ts";
import { VerificationError } from "./errors.ts";

const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** Whether a text is a {@linkcode Digest}. */
export function isDigest(text: string): text is Digest {
  return digestPattern.test(text);
}

/**
 * The digest that a text from outside names: `sha256:<hex>`, or the bare 64 hexadecimal digits.
 *
 * @throws {VerificationError} if it is neither
 */
export function parseDigest(text: string): Digest {
  const digest = (text.includes(":") ? text : `sha256:${text}`).toLowerCase();
  if (isDigest(digest)) return digest;
  throw new VerificationError(
    `Cannot read the digest ${JSON.stringify(text.slice(0, 100))}: it is not sha256 in hexadecimal`,
    { hint: "a digest is sha256: and 64 hexadecimal digits" },
  );
}

/** The 64 hexadecimal digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}
