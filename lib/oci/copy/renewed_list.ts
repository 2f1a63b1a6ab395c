import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { checkPinned } from "./check_pinned.ts";
import type { ImageDestination } from "../image_store.ts";
import type { Manifest } from "../manifest.ts";
import type { PlannedCopy } from "./plan_copies.ts";

/**
 * What is to be put as the root of a copy: of a list of referrers, with what others attached since it was planned; nothing else changes.
 *
 * @param standing what the destination's name points to now, where that is known
 * @throws {VerificationError} if the destination names the digest that was planned, and it would be another one now
 */
export async function renewedList(
  { plan: { list }, destination, to }: PlannedCopy,
  root: Manifest,
  signal: AbortSignal,
  standing?: Digest,
): Promise<Manifest> {
  if (list === undefined) return root;
  const now = standing === undefined
    ? await namedManifest(destination)
    : await destination.standing(standing);
  if (now === undefined || now.digest === list.standing || now.digest === root.digest) return root;
  const { withNewlyListed } = await import("../registry/merge_referrers.ts");
  const renewed = await withNewlyListed(root, now, { destination, signal });
  checkPinned(to, renewed.digest);
  return renewed;
}

/** What the name points to, where that costs a request; a damaged one is as good as none. */
async function namedManifest(destination: ImageDestination): Promise<Manifest | undefined> {
  try {
    return await destination.manifest?.();
  } catch (error) {
    if (error instanceof VerificationError) return undefined;
    throw error;
  }
}
