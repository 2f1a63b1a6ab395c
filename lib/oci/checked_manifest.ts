import { VerificationError } from "../base/errors.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Manifest } from "./manifest.ts";

/**
 * A manifest, once its size is what the index above it says.
 *
 * @throws {VerificationError} if it is not
 */
export function checkedManifest(
  manifest: Manifest,
  descriptor: Descriptor,
  name: string,
): Manifest {
  if (manifest.bytes.byteLength === descriptor.size) return manifest;
  throw new VerificationError(
    `Cannot copy "${name}": ${descriptor.digest} has ${manifest.bytes.byteLength} bytes, ` +
      `and its index says ${descriptor.size}`,
    { side: "source" },
  );
}

/** The next step where an index, or a list of what is attached, names a manifest that is not there. */
export const missingManifestHint =
  "more is listed than is there: choose platforms that are, or have the image pushed again";
