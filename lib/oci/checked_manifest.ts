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
