/**
 * What is held against a file that was brought, before anyone can see it.
 *
 * @module
 */
import { type Digest, sameDigest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { Downloaded } from "../http/download_options.ts";

/**
 * Holds the digest against the one that was expected.
 *
 * @throws {VerificationError} if it is another
 */
export function checkDigest(
  { digest: actual, size }: Downloaded,
  expected: Digest | undefined,
  subject: string,
  isCallers: boolean,
): void {
  if (expected === undefined || sameDigest(expected, actual)) return;
  throw new VerificationError(
    `Cannot use "${subject}": its digest is ${actual} instead of ${expected}`,
    {
      hint: isCallers
        ? "the file changed at its origin, or the digest is of another one"
        : "the file changed at its origin; --update accepts the new one",
      side: "source",
      data: { expected, actual, size },
    },
  );
}

/**
 * Holds contents of which no digest is pinned against the one that somebody else gave for them, where he gave one.
 *
 * @throws {VerificationError} if it is another
 */
export function checkPublished(
  { digest: actual }: Downloaded,
  published: Digest | undefined,
  subject: string,
): void {
  if (published === undefined || sameDigest(published, actual)) return;
  throw new VerificationError(
    `Cannot use "${subject}": its digest is ${actual}, but ${published} was published for it`,
    {
      hint: "it may have been replaced at this moment: try again",
      side: "source",
      data: { expected: published, actual },
    },
  );
}
