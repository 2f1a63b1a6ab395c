import type { Digest } from "../../base/digest.ts";
import type { Plan } from "../../base/plan.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Manifest } from "../manifest.ts";

/** One manifest of a copy. */
export interface PlannedManifest {
  /** The manifest. */
  readonly manifest: Manifest;
  /** How far below the root it is. */
  readonly depth: number;
  /** Whether it is at the destination already, under its tags too. */
  readonly present: boolean;
  /** The tags that it has beside its digest; the root's is the destination's own. */
  readonly tags?: readonly string[];
}

/** What a copy has to move. */
export interface CopyPlan extends Plan {
  /** Bytes that the copy will take of the destination's disk, where that is one of this machine. */
  readonly diskBytes: number;
  /** Bytes of what is at the destination as a whole. */
  readonly standingBytes: number;
  /** What the destination will point to. */
  readonly root: Descriptor;
  /** Where the root is a list of referrers, which others may add to at any time: the digest of the list that stood there. */
  readonly list?: { readonly standing: Digest | undefined } | undefined;
  /** What the name of the source pointed to. */
  readonly resolved: Pick<Descriptor, "digest" | "size">;
  /** The manifests, children before those that point to them; the root is the last. */
  readonly manifests: readonly PlannedManifest[];
  /** The blobs to be moved. */
  readonly missing: readonly Descriptor[];
  /** Those of them of which there are wrong bytes that the destination may keep; they are read again once they were moved. */
  readonly damaged: readonly Descriptor[];
  /** The blobs that are there. */
  readonly present: readonly Descriptor[];
}
