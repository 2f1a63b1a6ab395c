import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { type DestinationReference, formatDestination } from "./engine_reference.ts";

/**
 * Refuses what is to go to a destination that names another digest.
 *
 * @throws {VerificationError} if it does
 */
export function checkPinned(to: DestinationReference, digest: Digest): void {
  if (to.digest === undefined || to.digest === digest) return;
  throw new VerificationError(
    `Cannot copy to "${formatDestination(to)}": the image has the digest ${digest}`,
    { side: "destination", data: { expected: to.digest, actual: digest } },
  );
}
