/**
 * The plan of several copies as one, and what is said of each of them.
 *
 * @module
 */
import { formatBytes } from "../../lib/base/bytes.ts";
import type { PlannedCopy } from "../../lib/oci/copy/plan_copies.ts";
import { formatDestination } from "../../lib/oci/engine_reference.ts";
import type { Plan } from "../../lib/operation/figures.ts";
import type { CopiedImage } from "./copy_options.ts";

/** The plan of all copies. */
export interface SetPlan extends Plan {
  /** The copies with their own plans. */
  readonly copies: readonly PlannedCopy[];
}

/** Adds up the plans of copies. */
export function setPlan(copies: readonly PlannedCopy[]): SetPlan {
  const plans = copies.map(({ plan }) => plan);
  const sum = (value: (plan: PlannedCopy["plan"]) => number) =>
    plans.reduce((total, plan) => total + value(plan), 0);
  const changed = plans.filter((plan) => plan.changed);
  const bytesToMove = sum((plan) => plan.bytesToMove);
  return {
    copies,
    changed: changed.length > 0,
    bytesToMove,
    bytesToReuse: sum((plan) => plan.bytesToReuse),
    exact: plans.every((plan) => plan.exact),
    requests: sum((plan) => plan.requests),
    why: plans.length === 1
      ? plans[0]!.why
      : `${changed.length} of ${plans.length} images changed (${formatBytes(bytesToMove)})`,
    objects: plans.flatMap((plan) => plan.objects),
  };
}

/** What is said of a copy, of which the root may have been renewed. */
export function copied({ plan, source, to }: PlannedCopy, root = plan.root): CopiedImage {
  const { digest, mediaType } = root;
  const { digest: _pinned, ...bare } = to;
  return {
    from: source.name,
    reference: `${formatDestination(bare)}@${digest}`,
    digest,
    mediaType,
    changed: plan.changed,
    why: plan.why,
  };
}
