import type { Digest } from "../../base/digest.ts";
import type { PlannedManifest } from "./copy_plan.ts";
import type { ImageDestination, ListedReferrers } from "../image_store.ts";

/** What is listed already of what is attached to some manifests, by the digest of those, as far as a copy has to keep the lists. */
export type ReferrerLists = ReadonlyMap<Digest, ListedReferrers>;

/** What copies of one run make of the list of what is attached to a manifest. */
export interface ListClaim {
  /** What it names by then. */
  readonly names: Set<Digest>;
  /** What of it was seen to be gone. */
  readonly gone: Set<Digest>;
  /** How often a manifest is put that belongs on it. */
  puts: number;
}

/** What copies of one run make of the lists of a place. */
export interface ListingClaims {
  /** The lists, by their subjects. */
  readonly lists: Map<Digest, ListClaim>;
  /** What the copies attach. */
  readonly attached: Set<Digest>;
}

/** What it costs to keep lists. */
export interface ListingCost {
  /** Requests. */
  readonly requests: number;
  /** Whether they are an upper bound. */
  readonly bound: boolean;
}

/** Reads the lists that a copy which puts some manifests will have to keep, given the manifests that were found `there` before. */
export async function readReferrerLists(
  puts: readonly PlannedManifest[],
  destination: ImageDestination,
  there: Pick<ReadonlySet<Digest>, "has">,
): Promise<ReferrerLists> {
  const lists = new Map<Digest, ListedReferrers>();
  const attached = puts.flatMap(({ manifest: { digest, subject } }) =>
    subject === undefined ? [] : { subject: subject.digest, digest }
  );
  for (const [subject, added] of Map.groupBy(attached, (each) => each.subject)) {
    const digests = added.map(({ digest }) => digest);
    const listed = await destination.listedReferrers?.(subject, digests, there);
    if (listed === undefined) return lists;
    lists.set(subject, listed);
  }
  return lists;
}

/**
 * What it costs to keep the lists: each put of a manifest reads that of its subject, and the first one writes it, unless the manifest is on
 * it or another copy puts it there, which `claims` know. What was seen to be gone is looked for once more before it goes off a list that is
 * written. Where one of several copies brings back what is gone from a list of all, it depends on who is first.
 */
export function listingRequests(
  puts: readonly PlannedManifest[],
  lists: ReferrerLists,
  claims: ListingClaims,
): ListingCost {
  const own = new Set<Digest>();
  const shared = [...lists.keys()].flatMap((subject) => claims.lists.get(subject) ?? []);
  let requests = 0;
  for (const { manifest: { digest, subject }, tags = [] } of puts) {
    const listed = subject && lists.get(subject.digest);
    if (listed === undefined) continue;
    const list = claims.lists.get(subject!.digest) ??
      { names: new Set(listed.digests), gone: new Set(), puts: 0 };
    claims.lists.set(subject!.digest, list);
    const reads = Math.max(1, tags.length);
    list.puts += reads;
    requests += reads;
    own.add(digest);
    claims.attached.add(digest);
    for (const gone of listed.gone) list.gone.add(gone);
    if (list.names.has(digest)) continue;
    for (const gone of listed.gone) {
      if (own.has(gone) || !list.names.has(gone)) continue;
      requests++;
      if (!claims.attached.has(gone)) list.names.delete(gone);
    }
    list.names.add(digest);
    requests++;
  }
  const unsure = shared.filter(({ gone }) => !claims.attached.isDisjointFrom(gone));
  for (const { names, gone, puts } of unsure) {
    // At each put what is gone is looked for, and all of a list that is refused, which is then put once more.
    requests += puts * (gone.size + names.size + 2);
  }
  return { requests, bound: unsure.length > 0 };
}
