import type { Digest } from "../base/digest.ts";
import { type Side, VerificationError } from "../base/errors.ts";
import type { Descriptor } from "./descriptor.ts";

/** The error of bytes that are not those that a descriptor says. */
export function wrongDigest(
  descriptor: Descriptor,
  name: string,
  actual: Digest,
  side: Side = "source",
): VerificationError {
  const state = actual === descriptor.digest
    ? `it has not the ${descriptor.size} bytes that its manifest says`
    : `its bytes have the digest ${actual}`;
  return new VerificationError(
    `Cannot take ${descriptor.digest} from "${name}": ${state}`,
    {
      side,
      hint: `the ${side} is damaged or was tampered with`,
      data: { expected: descriptor.digest, actual, sizeBytes: descriptor.size },
    },
  );
}
