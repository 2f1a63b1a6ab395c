import type { Digest } from "../base/digest.ts";
import type { PlannedManifest } from "./copy_plan.ts";
import type { ImageDestination } from "./image_store.ts";

/** What is listed already of what is attached to some manifests, by the digest of those, as far as a copy has to keep the lists. */
export type ReferrerLists = ReadonlyMap<Digest, ReadonlySet<Digest>>;

/** Reads the lists that a copy which puts some manifests will have to keep. */
export async function readReferrerLists(
  puts: readonly PlannedManifest[],
  destination: ImageDestination,
): Promise<ReferrerLists> {
  const lists = new Map<Digest, ReadonlySet<Digest>>();
  for (const { manifest: { subject } } of puts) {
    if (subject === undefined || lists.has(subject.digest)) continue;
    const listed = await destination.listedReferrers?.(subject.digest);
    if (listed === undefined) return lists;
    lists.set(subject.digest, listed);
  }
  return lists;
}

/**
 * Requests that it costs to keep the lists: each put of a manifest reads that of its subject, and the first one writes it, unless the
 * manifest is on it or another copy puts it there, which `claimed` knows.
 */
export function listingRequests(
  puts: readonly PlannedManifest[],
  lists: ReferrerLists,
  claimed: Set<Digest>,
): number {
  let requests = 0;
  for (const { manifest: { digest, subject }, tags = [] } of puts) {
    const listed = subject && lists.get(subject.digest);
    if (listed === undefined) continue;
    requests += Math.max(1, tags.length);
    if (listed.has(digest) || claimed.has(digest)) continue;
    claimed.add(digest);
    requests++;
  }
  return requests;
}
