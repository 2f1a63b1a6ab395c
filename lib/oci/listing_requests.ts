import type { Digest } from "../base/digest.ts";
import type { PlannedManifest } from "./copy_plan.ts";
import type { ImageDestination, ListedReferrers } from "./image_store.ts";

/** What is listed already of what is attached to some manifests, by the digest of those, as far as a copy has to keep the lists. */
export type ReferrerLists = ReadonlyMap<Digest, ListedReferrers>;

/** What copies of one run make of the lists of a place. */
export interface ListingClaims {
  /** What each list, by its subject, names by then. */
  readonly lists: Map<Digest, Set<Digest>>;
  /** What they attach. */
  readonly attached: Set<Digest>;
}

/** Reads the lists that a copy which puts some manifests will have to keep. */
export async function readReferrerLists(
  puts: readonly PlannedManifest[],
  destination: ImageDestination,
): Promise<ReferrerLists> {
  const lists = new Map<Digest, ListedReferrers>();
  const attached = puts.flatMap(({ manifest: { digest, subject } }) =>
    subject === undefined ? [] : { subject: subject.digest, digest }
  );
  for (const [subject, added] of Map.groupBy(attached, (each) => each.subject)) {
    const digests = added.map(({ digest }) => digest);
    const listed = await destination.listedReferrers?.(subject, digests);
    if (listed === undefined) return lists;
    lists.set(subject, listed);
  }
  return lists;
}

/**
 * Requests that it costs to keep the lists: each put of a manifest reads that of its subject, and the first one writes it, unless the
 * manifest is on it or another copy puts it there, which `claims` know. What was seen to be gone is looked for once more before it goes off
 * a list that is written.
 */
export function listingRequests(
  puts: readonly PlannedManifest[],
  lists: ReferrerLists,
  claims: ListingClaims,
): number {
  const own = new Set<Digest>();
  let requests = 0;
  for (const { manifest: { digest, subject }, tags = [] } of puts) {
    const listed = subject && lists.get(subject.digest);
    if (listed === undefined) continue;
    requests += Math.max(1, tags.length);
    own.add(digest);
    claims.attached.add(digest);
    const on = claims.lists.get(subject!.digest) ?? new Set(listed.digests);
    claims.lists.set(subject!.digest, on);
    if (on.has(digest)) continue;
    for (const gone of listed.gone) {
      if (own.has(gone) || !on.has(gone)) continue;
      requests++;
      if (!claims.attached.has(gone)) on.delete(gone);
    }
    on.add(digest);
    requests++;
  }
  return requests;
}
