/**
 * What is held against a file that was brought, before anyone can see it.
 *
 * @module
 */
import { type Digest, sameDigest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { Downloaded } from "../http/download_options.ts";
import type { CachedDownloadOptions } from "./cached_download_options.ts";
import type { Step } from "./operation.ts";

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
 * Holds contents of which no digest is pinned against what somebody else says of them, where he can be asked.
 *
 * @throws {VerificationError} if he says something else
 */
export async function checkVouched(
  { digest: actual }: Downloaded,
  vouch: CachedDownloadOptions["vouch"],
  subject: string,
  step: Step,
): Promise<void> {
  let vouched: Digest | undefined;
  try {
    vouched = await vouch?.(step);
  } catch (error) {
    step.signal.throwIfAborted();
    step.meter.note(`nobody vouches for the contents: ${(error as Error).message}`);
  }
  if (vouched === undefined || sameDigest(vouched, actual)) return;
  throw new VerificationError(
    `Cannot use "${subject}": its digest is ${actual}, but ${vouched} was published for it`,
    {
      hint: "it may have been replaced at this moment: try again",
      side: "source",
      data: { expected: vouched, actual },
    },
  );
}
