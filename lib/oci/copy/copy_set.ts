/**
 * Moves several images, as they were planned, as one operation.
 *
 * Invariants: no tag moves before the blobs of all copies arrived, and in a layout before they were seen there once more under the lock
 * that keeps them; lists of referrers come before what other copies put on them, which they would write over, and take along what others
 * attached since they were planned; a tag of the source that moved meanwhile is told, and does not change what was copied.
 *
 * @module
 */
import { whileRoom } from "../../base/disk_space.ts";
import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { commitCopy, moveBlobs } from "./copy_move.ts";
import type { CopyPlan } from "./copy_plan.ts";
import type { Descriptor } from "../descriptor.ts";
import { eachCopy } from "./each_copy.ts";
import type { ImageDestination, ImageSource } from "../image_store.ts";
import type { Layout, LayoutPointer } from "../layout/layout.ts";
import { LayoutDestination } from "../layout/layout_destination.ts";
import { describeManifest, type Manifest } from "../manifest.ts";
import type { Meter } from "../../base/meter.ts";
import type { PlannedCopy } from "./plan_copies.ts";
import { renewedList } from "./renewed_list.ts";

/** What copies work with. */
export interface CopySetOptions {
  /** Takes the figures. */
  meter: Meter;
  /** Ends the copies. */
  signal: AbortSignal;
  /** Told of the copy that fails first, or of all that fail together with it. */
  onFailure?: OnFailure | undefined;
}

type OnFailure = (copy: PlannedCopy, error: unknown) => void;

/** What the names of sources point to at the end of the moving. */
export type NamesNow = ReadonlyMap<PlannedCopy, Promise<Digest | undefined>>;

/** Moves the blobs of copies; what their names point to now is asked while the last bytes come, so that it costs no time of its own. */
export async function moveCopies(
  copies: readonly PlannedCopy[],
  options: CopySetOptions & { onBlob: (digest: string, sizeBytes: number) => void },
): Promise<NamesNow> {
  const names = new Map<PlannedCopy, Promise<Digest | undefined>>();
  await eachCopy(copies, options.signal, async (copy, signal) => {
    const { plan, source, destination } = copy;
    const onLastBytes = () => {
      if (plan.changed) names.set(copy, nameNow(source, options.meter));
    };
    await moveBlobs(plan, source, destination, { ...options, signal, onLastBytes });
    if (!names.has(copy)) onLastBytes();
  }, options.onFailure);
  return names;
}

/** Looks whether all blobs of copies are where they belong, as far as that costs no request, and reads those that were damaged there. */
export async function verifyCopies(
  copies: readonly PlannedCopy[],
  { signal, onFailure }: Omit<CopySetOptions, "meter">,
): Promise<void> {
  for (const copy of copies) await telling(copy, () => checkRepaired(copy, signal), onFailure);
  await checkThere(copies, blobsOf, onFailure);
}

async function checkRepaired(
  { plan, destination }: PlannedCopy,
  signal: AbortSignal,
): Promise<void> {
  for (const blob of plan.damaged) {
    if (await destination.has(blob, false) && await destination.isSound(blob, signal)) continue;
    throw new VerificationError(
      `Cannot repair "${destination.name}": the registry keeps damaged bytes of ${blob.digest}`,
      { side: "destination", hint: "it takes no others; they have to leave its storage first" },
    );
  }
}

/** Looks whether what belongs to copies is where it belongs, as far as that costs no request. */
async function checkThere(
  copies: readonly PlannedCopy[],
  partsOf: (plan: CopyPlan) => readonly Descriptor[],
  onFailure?: OnFailure,
): Promise<void> {
  const seen = new Map<unknown, Set<Digest>>();
  for (const copy of copies) {
    const { plan, destination } = copy;
    if (destination.complete || !plan.changed) continue;
    const place = destination instanceof LayoutDestination ? destination.layout : destination;
    const there = seen.get(place) ?? new Set();
    seen.set(place, there);
    await telling(copy, () => checkParts(destination, partsOf(plan), there), onFailure);
  }
}

async function checkParts(
  destination: ImageDestination,
  parts: readonly Descriptor[],
  there: Set<Digest>,
): Promise<void> {
  for (const part of parts) {
    if (there.has(part.digest) || await destination.has(part, false)) {
      there.add(part.digest);
      continue;
    }
    throw new VerificationError(
      `Cannot finish "${destination.name}": ${part.digest} is gone from it`,
      { side: "destination", hint: "is another program collecting garbage there?" },
    );
  }
}

async function telling<R>(
  copy: PlannedCopy,
  run: () => Promise<R>,
  onFailure: OnFailure | undefined,
): Promise<R> {
  try {
    return await run();
  } catch (error) {
    onFailure?.(copy, error);
    throw error;
  }
}

function blobsOf({ missing, present }: CopyPlan): Descriptor[] {
  return [...missing, ...present];
}

function allOf(plan: CopyPlan): Descriptor[] {
  return [...blobsOf(plan), ...plan.manifests.map(({ manifest }) => describeManifest(manifest))];
}

/** Puts the manifests of copies and moves their tags; gives the roots that came otherwise than they were planned. */
export async function commitCopies(
  copies: readonly PlannedCopy[],
  names: NamesNow,
  options: CopySetOptions,
): Promise<ReadonlyMap<PlannedCopy, Descriptor>> {
  const changed = copies.filter(({ plan }) => plan.changed);
  const lists = changed.filter(({ plan }) => plan.list !== undefined);
  const roots = new Map<PlannedCopy, Descriptor>();
  const renew = async (copy: PlannedCopy, root: Manifest, standing?: Digest) => {
    const list = await renewedList(copy, root, options.signal, standing);
    if (list !== root) roots.set(copy, describeManifest(list));
    return list;
  };
  await commitAtOnce(lists, names, { ...options, renew });
  for (const { destination } of roots.keys()) {
    options.meter.note(`${destination.name} keeps what was put on it meanwhile`);
  }
  await commitAtOnce(changed.filter((copy) => !lists.includes(copy)), names, options);
  return roots;
}

/** What is to be put as the root of a copy, given what its name points to now, where that is known. */
type Renew = (copy: PlannedCopy, root: Manifest, standing?: Digest) => Promise<Manifest>;

async function commitAtOnce(
  copies: readonly PlannedCopy[],
  names: NamesNow,
  options: CopySetOptions & { renew?: Renew },
): Promise<void> {
  const { renew, onFailure } = options;
  let isTold = false;
  const tell: OnFailure = (copy, error) => {
    isTold = true;
    onFailure?.(copy, error);
  };
  const pointers = new Map<
    string,
    { layout: Layout; moves: LayoutPointer[]; copies: PlannedCopy[] }
  >();
  await eachCopy(copies, options.signal, async (copy, signal) => {
    const { plan, source, destination } = copy;
    await commitCopy(
      plan,
      destination,
      { ...options, signal },
      destination instanceof LayoutDestination
        ? async (root) => {
          const { layout } = destination;
          const move = await destination.stage(
            root,
            renew && ((now) => telling(copy, () => renew(copy, root, now), tell)),
          );
          const standing = pointers.get(layout.folder) ?? { layout, moves: [], copies: [] };
          pointers.set(layout.folder, standing);
          standing.moves.push(move);
          standing.copies.push(copy);
        }
        : renew && (async (root) => destination.commit(await renew(copy, root))),
    );
    const now = await names.get(copy);
    const { digest } = plan.resolved;
    if (now === undefined || now === digest) return;
    options.meter.note(
      `${source.name} moved to ${now} meanwhile; ${digest} was copied`,
      "warning",
    );
  }, onFailure);
  for (const { layout, moves, copies } of pointers.values()) {
    // Who collects garbage holds the same lock: from here on the names keep what they point to.
    const check = () => checkThere(copies, allOf, tell);
    try {
      await whileRoom(layout.folder, () => layout.pointAll(moves, check));
    } catch (error) {
      // What is wrong with the layout itself is wrong with all that goes there.
      if (!isTold) { for (const copy of copies) onFailure?.(copy, error); }
      throw error;
    }
  }
}

async function nameNow(source: ImageSource, meter: Meter): Promise<Digest | undefined> {
  try {
    return await source.now?.();
  } catch (error) {
    meter.note(`cannot tell whether ${source.name} moved: ${(error as Error).message}`, "warning");
    return undefined;
  }
}
