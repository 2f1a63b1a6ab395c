import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { type DestinationReference, formatDestination } from "../engine_reference.ts";

/**
 * Refuses what is to go to a destination that names another digest.
 *
 * @param whole the digest of the index that the image was chosen from, where it was
 * @throws {VerificationError} if it does
 */
export function checkPinned(to: DestinationReference, digest: Digest, whole?: Digest): void {
  if (to.digest === undefined || to.digest === digest) return;
  throw new VerificationError(
    `Cannot copy to "${formatDestination(to)}": the image has the digest ${digest}`,
    {
      side: "destination",
      ...(to.digest === whole
        ? { hint: "that is the digest of the whole index: copy it with --all-platforms" }
        : {}),
      data: { expected: to.digest, actual: digest },
    },
  );
}
