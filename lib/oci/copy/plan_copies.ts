/**
 * Plans copies of several images as one operation.
 *
 * Invariants: of copies to one place each blob is moved by the first that lacks it, and stands for the others; nothing is written. What
 * moves is loaded only once something has to.
 *
 * @module
 */
import { checkPinned } from "./check_pinned.ts";
import type { CopyPlan } from "./copy_plan.ts";
import { eachCopy } from "./each_copy.ts";
import type { DestinationReference } from "../engine_reference.ts";
import type { ImageDestination, ImageSource } from "../image_store.ts";
import { PlaceNames } from "./place_names.ts";
import type { CopyClaims } from "./settle_copy.ts";
import { type PlanCopyOptions, type SettleCopy, surveyCopy } from "./survey_copy.ts";

/** One image and where it goes. */
export interface ImageCopy {
  /** Where it is read. */
  readonly source: ImageSource;
  /** Where it is written. */
  readonly destination: ImageDestination;
  /** The name of the destination. */
  readonly to: DestinationReference;
}

/** A copy with its plan. */
export interface PlannedCopy extends ImageCopy {
  /** What it has to move. */
  readonly plan: CopyPlan;
}

/** Plans copies; what several of them lack at one place is planned once. */
export async function planCopies(
  copies: readonly ImageCopy[],
  options: PlanCopyOptions,
): Promise<PlannedCopy[]> {
  const surveys = new Map<ImageCopy, SettleCopy>();
  await eachCopy(copies, options.signal, async (copy, signal) => {
    surveys.set(copy, await surveyCopy(copy.source, copy.destination, { ...options, signal }));
  });
  const places = new PlaceNames();
  const claims = new Map<string, CopyClaims>();
  const planned: PlannedCopy[] = [];
  for (const copy of copies) {
    const place = places.of(copy.to);
    const claimed = claims.get(place) ?? {
      blobs: new Set(),
      lists: new Map(),
      attached: new Set(),
    };
    claims.set(place, claimed);
    const plan = await surveys.get(copy)!(claimed);
    checkPinned(copy.to, plan.root.digest, plan.resolved.digest);
    planned.push({ ...copy, plan });
  }
  return planned;
}
