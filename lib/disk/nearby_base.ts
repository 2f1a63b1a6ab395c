import type { Digest } from "../base/digest.ts";
import type { Cache } from "../cache/cache.ts";
import type { ChunkerKind } from "../chunk/chunker.ts";
import type { ImageReference } from "../oci/reference.ts";
import { seenNearby } from "./seen_disks.ts";
import type { PushBase } from "./usable_packs.ts";

/** What {@linkcode nearbyBase} works with. */
export interface NearbyBaseOptions {
  /** Where disks are noted that were seen. */
  cache: Cache;
  /** Where the push goes. */
  reference: ImageReference;
  /** What that means now, which is of no use. */
  current: Digest | undefined;
  /** How the file is to be cut; `known` says that its contents or somebody asks for it, so that what is cut otherwise has no chunk of it. */
  wanted: { chunker: ChunkerKind; known: boolean };
  /** Reads a disk of the destination; `undefined` where it is not there, or of no use. */
  load: (digest: Digest) => Promise<PushBase | undefined>;
}

/** A disk of the same repository or layout, under whatever tag, that the file may be another version of: the latest one that is cut alike. */
export async function nearbyBase(
  { cache, reference, current, wanted, load }: NearbyBaseOptions,
): Promise<PushBase | undefined> {
  let other: PushBase | undefined;
  for (const { digest } of await seenNearby(cache, reference)) {
    // What was of no use already is of no use under another name.
    if (digest === current) continue;
    const found = await load(digest);
    if (found?.image.index.chunker.kind === wanted.chunker) return found;
    other ??= found;
  }
  return wanted.known ? undefined : other;
}
