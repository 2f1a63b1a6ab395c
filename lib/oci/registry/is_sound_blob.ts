import { Hasher } from "../../base/digest.ts";
import { KedgeError, VerificationError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { Descriptor } from "../descriptor.ts";
import { readBlob } from "./read_blob.ts";
import type { RegistryClient } from "./registry_client.ts";

/**
 * Whether a registry gives the bytes of a blob that it says it has: one that it does not have after all, or of another size, is not sound.
 *
 * @throws {UnreachableError} if the registry kept failing
 */
export async function isSoundBlob(
  client: RegistryClient,
  descriptor: Descriptor,
  options: { signal: AbortSignal; meter: Meter },
): Promise<boolean> {
  const hasher = new Hasher();
  try {
    for await (const piece of readBlob(client, descriptor, options)) hasher.update(piece);
  } catch (error) {
    if (error instanceof VerificationError) return false;
    if (error instanceof KedgeError && error.data["missing"] === descriptor.digest) return false;
    throw error;
  }
  return hasher.digest() === descriptor.digest;
}
