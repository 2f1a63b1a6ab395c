import type { Digest } from "../../base/digest.ts";
import type { Descriptor } from "../descriptor.ts";
import { type Layout, nameOf } from "./layout.ts";
import { reachable } from "./reachable.ts";
import { subjectOfTag } from "../referrers.ts";

/** How old a blob is, if it is there at all. */
export type BlobAge = "absent" | "young" | "old";

/** What a layout holds for the sake of images that go. */
export interface LeftAttachments {
  /** The entries by which signatures and the like of such images are kept, with the digests of these. */
  readonly left: ReadonlyMap<Descriptor, Digest>;
  /** What the other entries lead to. */
  readonly reached: ReadonlySet<Digest>;
}

/**
 * Finds the entries for what is attached to images that go, and to what goes with them: the lists of the specification, and the tags of
 * cosign. Of what is attached to an image that is not in the layout nobody knows for what it was brought, and it stays.
 *
 * @param ageOf how old a blob is; an entry that leads to what is young may be of an image that is just coming
 */
export async function leftAttachments(
  layout: Layout,
  entries: readonly Descriptor[],
  ageOf: (digest: Digest) => Promise<BlobAge>,
): Promise<LeftAttachments> {
  const left = new Map<Descriptor, Digest>();
  for (const entry of entries) {
    const subject = subjectOfTag(nameOf(entry) ?? "");
    if (subject === undefined || await ageOf(subject) !== "old") continue;
    const attached = [...await reachable(layout, [entry])];
    const ages = await Promise.all(attached.map(ageOf));
    if (!ages.includes("young")) left.set(entry, subject);
  }
  let reached = await reachable(layout, entries.filter((entry) => !left.has(entry)));
  for (;;) {
    const needed = [...left].filter(([, subject]) => reached.has(subject));
    if (needed.length === 0) return { left, reached };
    for (const [entry] of needed) left.delete(entry);
    reached = reached.union(await reachable(layout, needed.map(([entry]) => entry)));
  }
}
