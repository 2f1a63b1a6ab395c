import type { Digest } from "../../base/digest.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Layout } from "./layout.ts";
import { isManifestType } from "../media_type.ts";

/**
 * The digests of all that some descriptors lead to within a layout.
 *
 * @throws {VerificationError} if a manifest is damaged
 */
export async function reachable(
  layout: Layout,
  roots: Iterable<Descriptor>,
): Promise<Set<Digest>> {
  const reached = new Set<Digest>();
  let level = [...roots];
  while (level.length > 0) {
    const next: Descriptor[] = [];
    for (const descriptor of level) {
      if (reached.has(descriptor.digest)) continue;
      reached.add(descriptor.digest);
      if (!isManifestType(descriptor.mediaType)) continue;
      const manifest = await layout.manifest(descriptor.digest, descriptor.mediaType);
      if (manifest !== undefined) next.push(...manifest.manifests, ...manifest.blobs);
    }
    level = next;
  }
  return reached;
}
