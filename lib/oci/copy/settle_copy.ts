import { formatBytes } from "../../base/bytes.ts";
import { counted } from "../../base/counted.ts";
import type { Digest } from "../../base/digest.ts";
import { digestHex } from "../../base/digest_text.ts";
import type { PlannedObject } from "../../base/plan.ts";
import type { CopyPlan } from "./copy_plan.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageDestination, ImageSource, TransferCost } from "../image_store.ts";
import { type ListingClaims, listingRequests, type ReferrerLists } from "./listing_requests.ts";
import { describeManifest } from "../manifest.ts";
import type { ManifestWalk } from "./manifest_walk.ts";

/** What was found out about a copy. */
export interface SurveyedCopy {
  /** Where it is read. */
  readonly source: ImageSource;
  /** Where it is written. */
  readonly destination: ImageDestination;
  /** All that the image consists of, and what of it is there. */
  readonly walk: ManifestWalk;
  /** What the destination will point to. */
  readonly root: Descriptor;
  /** What the name of the source points to. */
  readonly resolved: Pick<Descriptor, "digest" | "size">;
  /** Whether the destination points to the root already. */
  readonly same: boolean;
  /** Where the root is a list of referrers: what stood in its place. */
  readonly list?: CopyPlan["list"];
  /** Lists of what is attached to manifests that it has to keep. @default {none} */
  readonly lists?: ReferrerLists;
}

/** What other copies bring to the same place. */
export interface CopyClaims extends ListingClaims {
  /** Blobs. */
  readonly blobs: Set<Digest>;
}

/** To ask for a blob's size, and to read it. */
const requestsPerProof = 2;

/** Adds up what a copy has to move. */
export async function settleCopy(copy: SurveyedCopy, claims: CopyClaims): Promise<CopyPlan> {
  const { source, destination, walk, root, resolved, same, list, lists = new Map() } = copy;
  const blobs = [...walk.blobs.values()];
  const missing = blobs.filter((blob) => !walk.there.has(blob.digest));
  const present = blobs.filter((blob) => walk.there.has(blob.digest));
  const manifests = [...walk.manifests.values()].sort((a, b) => b.depth - a.depth);
  const absent = manifests.filter((each) => !each.present);
  const lacking = absent.filter((each) => !destination.complete || each.depth > 0);
  const changed = !same || missing.length > 0 || lacking.length > 0;
  const standing = [
    ...present,
    ...walk.whole.values(),
    ...manifests.filter((each) => each.present).map((each) => describeManifest(each.manifest)),
    ...(changed || manifests.some((each) => each.present && each.depth === 0) ? [] : [root]),
  ];
  const putting = changed ? absent.map((each) => describeManifest(each.manifest)) : [];
  const puts = changed ? manifests.filter((each) => !each.present || each.depth === 0) : [];
  const putRequests = puts.reduce((sum, { tags = [] }) => sum + Math.max(1, tags.length), 0);
  const costs = new Map<Descriptor, TransferCost>();
  for (const blob of changed ? missing : []) costs.set(blob, await destination.cost(blob, source));
  const total = (value: (cost: TransferCost) => number) =>
    [...costs.values()].reduce((sum, cost) => sum + value(cost), 0);
  const nearby = missing.filter((blob) => costs.get(blob)?.nearby);
  const stateOf = (blob: Descriptor) =>
    costs.get(blob)?.reusedBytes === blob.size ? "present" : "missing";
  const reusedBytes = total((cost) => cost.reusedBytes);
  const damaged = missing.filter(({ digest }) => destination.damaged?.has(digest));
  const listing = listingRequests(puts, lists, claims);
  // A list is looked at once more before it is put.
  const requests = (putRequests + (list === undefined ? 0 : 1)) * destination.requestsPerManifest +
    listing.requests + (source.now === undefined ? 0 : 1) +
    total((cost) => cost.requests) + damaged.length * requestsPerProof;
  return {
    changed,
    bytesToMove: sumOf(missing) + sumOf(putting) - reusedBytes,
    bytesToReuse: sumOf(standing) + reusedBytes,
    diskBytes: total((cost) => cost.diskBytes),
    standingBytes: sumOf(standing),
    exact: (destination.exact ?? true) && !listing.bound &&
      ![...costs.values()].some((cost) => cost.bound),
    requests: changed ? requests : 0,
    why: reason(copy, changed, missing, nearby),
    objects: [
      ...missing.map((blob) => plannedObject(blob, stateOf(blob))),
      ...putting.map((each) => plannedObject(each, "missing")),
      ...standing.map((each) => plannedObject(each, "present")),
    ],
    root,
    list,
    resolved,
    manifests,
    missing,
    damaged,
    present,
  };
}

function sumOf(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}

function plannedObject(
  { digest, size }: Descriptor,
  state: "missing" | "present",
): PlannedObject {
  return { label: digest, sizeBytes: size, state };
}

function reason(
  { source, destination, walk, root, same }: SurveyedCopy,
  changed: boolean,
  missing: readonly Descriptor[],
  nearby: readonly Descriptor[],
): string {
  const { name } = destination;
  const short = `sha256:${digestHex(root.digest).slice(0, 12)}`;
  if (!changed) return `${name} points to ${short} already`;
  const count = walk.blobs.size;
  if (missing.length === 0) {
    if (same) return `${name} points to ${short} and lacks a manifest of it`;
    const all = count === 0
      ? `all of ${short} is`
      : count === 1
      ? `the one blob of ${short} is`
      : `all ${count} blobs of ${short} are`;
    return `${all} there, and ${name} does not point to it yet`;
  }
  const mounted = destination.mounts(source);
  const how = mounted ? "another repository of the registry has" : "the destination lacks";
  const what = `${missing.length} of ${counted(count, "blob")} of ${short}`;
  const near = mounted ? "" : nearWords(missing.length, nearby.length);
  return `${how} ${what} (${formatBytes(sumOf(missing))})${near}`;
}

function nearWords(missing: number, nearby: number): string {
  if (nearby === 0) return "";
  const which = missing === 1 ? "it is" : nearby === 1 ? "1 of them is" : `${nearby} of them are`;
  return `; ${which} on this machine`;
}
