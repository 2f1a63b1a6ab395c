/**
 * Brings a list of what is attached to an image to where another one stands, so that neither loses what is on it.
 *
 * Invariants: what both list is as the source says; what the destination alone lists stays where its manifest is there, and goes where it
 * is not, since no registry takes a list that points to nothing; a list that says all of it already stays as it is, to the byte, and costs
 * no look at what is on it unless it is to be put once more or what is on it is looked at anyway.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageDestination } from "../image_store.ts";
import { type Manifest, parseManifest } from "../manifest.ts";
import { isManifestType } from "../media_type.ts";
import { pooled } from "../pooled.ts";

/** A list, and what of it is the destination's alone. */
export interface MergedReferrers {
  /** What the destination will point to. */
  readonly list: Manifest;
  /** What is there, and need not be in the source. */
  readonly kept: ReadonlySet<Digest>;
}

/** What is merged, and into what. */
export interface MergeReferrersOptions {
  /** Where it goes. */
  destination: ImageDestination;
  /** What the destination's name points to now. */
  pointer: Digest;
  /** Told of a list that cannot be kept, and of what is taken off it. */
  meter: Meter;
  /** Whether it is looked for all that is listed, also where the list that stands there says all of it. @default {false} */
  deep?: boolean | undefined;
  /** Ends it. */
  signal: AbortSignal;
}

/** The source's list with what the destination's own has besides. */
export async function mergeReferrers(
  list: Manifest,
  options: MergeReferrersOptions,
): Promise<MergedReferrers> {
  const standing = await standingList(options);
  if (standing === undefined) return { list, kept: new Set() };
  const merged = await mergeLists(list, standing, options);
  const { destination: { name }, meter } = options;
  const staying = byDigest(merged.list);
  for (const { digest } of standing.manifests) {
    if (staying.has(digest)) continue;
    meter.note(`${name} lists ${digest}, which is gone there, and lists it no more`, "warning");
  }
  return merged;
}

/** A list that is about to be put, with what others put on the standing one since it was planned. */
export async function withNewlyListed(
  list: Manifest,
  standing: Manifest | undefined,
  options: Omit<MergeListsOptions, "deep">,
): Promise<Manifest> {
  if (standing?.kind !== "index") return list;
  const merged = await mergeLists(list, standing, { ...options, deep: true });
  return merged.kept.size === 0 ? list : merged.list;
}

type MergeListsOptions = Omit<MergeReferrersOptions, "pointer" | "meter">;

async function mergeLists(
  list: Manifest,
  standing: Manifest,
  { destination, deep = false, signal }: MergeListsOptions,
): Promise<MergedReferrers> {
  const kept = new Set<Digest>();
  const [ours, theirs] = [byDigest(list), byDigest(standing)];
  const alone = [...theirs.values()].filter(({ digest }) => !ours.has(digest));
  if (destination.complete && !deep && isWithin(ours, theirs)) {
    return { list: standing, kept: new Set(alone.map(({ digest }) => digest)) };
  }
  await pooled(alone, destination.limit, signal, async (entry) => {
    if (await destination.has(entry, isManifestType(entry.mediaType))) kept.add(entry.digest);
  });
  if (kept.size === alone.length && isWithin(ours, theirs)) return { list: standing, kept };
  if (kept.size === 0) return { list, kept };
  const own = standing.manifests.filter(({ digest }) => kept.has(digest));
  const json = JSON.parse(new TextDecoder().decode(list.bytes)) as Record<string, unknown>;
  const manifests = [...own, ...list.manifests];
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, manifests }));
  const name = `${destination.name}, with what is listed there already`;
  return { list: parseManifest(bytes, { name, mediaType: list.mediaType }), kept };
}

/** The list that stands at the destination; none where something else does, or what cannot be read. */
async function standingList(
  { destination, pointer, meter }: MergeReferrersOptions,
): Promise<Manifest | undefined> {
  let found: Manifest | undefined;
  try {
    found = await destination.standing(pointer) ?? await destination.manifest?.(pointer);
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
  }
  if (found?.kind === "index") return found;
  meter.note(
    `${destination.name} has no list that can be read, and gets that of the source`,
    "warning",
  );
  return undefined;
}

function byDigest({ manifests }: Manifest): Map<Digest, Descriptor> {
  return new Map(manifests.map((entry) => [entry.digest, entry]));
}

/** Whether all entries are among others, and the same there. */
function isWithin(
  entries: ReadonlyMap<Digest, Descriptor>,
  others: ReadonlyMap<Digest, Descriptor>,
): boolean {
  return entries.values().every(({ digest, size, mediaType }) => {
    const other = others.get(digest);
    return other?.size === size && other.mediaType === mediaType;
  });
}
