/**
 * Looks into the indexes within an index.
 *
 * Invariants: each index is read once, however often it is named; nothing is looked for deeper, and no more is read, than where a whole
 * image is walked; an index for another platform than those that are wanted is not read.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { checkedManifest } from "./checked_manifest.ts";
import type { Descriptor, Platform } from "./descriptor.ts";
import type { ImageSource } from "./image_store.ts";
import { deepestManifest, type Manifest, mostManifestBytes, mostManifests } from "./manifest.ts";
import { isIndexType } from "./media_type.ts";
import { normalizePlatform } from "./platform.ts";
import { pooled } from "./pooled.ts";

/** The entries of an index, in the place of each index among them those of that; what says no platform has that of the index it is in. */
export async function indexLeaves(
  source: ImageSource,
  index: Manifest,
  platforms: readonly Platform[],
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const refused = (state: string) =>
    new VerificationError(`Cannot copy "${source.name}": ${state}`, { side: "source" });
  const read = new Map<Digest, Manifest>([[index.digest, index]]);
  const isNested = ({ mediaType, platform }: Descriptor) =>
    isIndexType(mediaType) && isWanted(platform, platforms);
  let bytes = index.bytes.byteLength;
  let level: readonly Manifest[] = [index];
  for (let depth = 1;; depth++) {
    const nested = new Map(
      level.flatMap(({ manifests }) => manifests).filter(isNested)
        .filter(({ digest }) => !read.has(digest)).map((entry) => [entry.digest, entry]),
    );
    if (nested.size === 0) break;
    if (depth >= deepestManifest) {
      throw refused(`its indexes are nested more than ${deepestManifest} deep`);
    }
    const found: Manifest[] = [];
    await pooled(nested.values(), source.limit, signal, async (entry) => {
      const manifest = checkedManifest(await source.manifest(entry), entry, source.name);
      bytes += manifest.bytes.byteLength;
      if (bytes > mostManifestBytes) {
        throw refused(`its manifests have more than ${mostManifestBytes} bytes together`);
      }
      found.push(manifest);
      read.set(entry.digest, manifest);
      if (read.size > mostManifests) throw refused(`it has more than ${mostManifests} manifests`);
    });
    level = found;
  }
  const seen = new Set<Digest>();
  const leavesOf = ({ digest, manifests }: Manifest, platform?: Platform): Descriptor[] => {
    seen.add(digest);
    return manifests.flatMap((entry) => {
      const told = entry.platform || !platform ? entry : { ...entry, platform };
      const below = isNested(entry) ? read.get(entry.digest) : undefined;
      if (below === undefined) return [told];
      return seen.has(below.digest) ? [] : leavesOf(below, told.platform);
    });
  };
  return leavesOf(index);
}

function isWanted(platform: Platform | undefined, wanted: readonly Platform[]): boolean {
  if (!platform) return true;
  const there = normalizePlatform(platform);
  return wanted.map(normalizePlatform).some(({ os, architecture }) =>
    os === there.os && architecture === there.architecture
  );
}
