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

/** What {@linkcode planCopies} works with. */
export interface PlanCopiesOptions extends PlanCopyOptions {
  /** Told of each copy that cannot be, before the first of those failures is thrown. @default {the first ends the planning} */
  onFailure?: ((copy: ImageCopy, error: unknown) => void) | undefined;
}

/** Plans copies; what several of them lack at one place is planned once. */
export async function planCopies(
  copies: readonly ImageCopy[],
  options: PlanCopiesOptions,
): Promise<PlannedCopy[]> {
  const { onFailure } = options;
  const surveys = new Map<ImageCopy, SettleCopy>();
  let failure: { error: unknown } | undefined;
  const told = (copy: ImageCopy, error: unknown, signal: AbortSignal) => {
    if (onFailure === undefined || signal.aborted) throw error;
    onFailure(copy, error);
    failure ??= { error };
  };
  await eachCopy(copies, options.signal, async (copy, signal) => {
    try {
      surveys.set(copy, await surveyCopy(copy.source, copy.destination, { ...options, signal }));
    } catch (error) {
      told(copy, error, signal);
    }
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
    try {
      const plan = await surveys.get(copy)?.(claimed);
      if (plan === undefined) continue;
      checkPinned(copy.to, plan.root.digest, plan.resolved.digest);
      planned.push({ ...copy, plan });
    } catch (error) {
      told(copy, error, options.signal);
    }
  }
  if (failure !== undefined) throw failure.error;
  return planned;
}
