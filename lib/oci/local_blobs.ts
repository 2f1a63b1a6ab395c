import type { Descriptor } from "./descriptor.ts";

/** A file of this machine that seems to hold a blob: it has the right size, and its bytes are still to be hashed. */
export interface LocalBlob {
  /** Where it is. */
  readonly path: string;
  /** Whether nobody ever changes the file, so that a second name of it is as good as a copy. */
  readonly linkable: boolean;
}

/** Finds blobs on this machine; an upper floor lends it. */
export interface LocalBlobs {
  /** A file for a blob, if there is one, and elsewhere than in the layout of this folder. */
  find(
    descriptor: Pick<Descriptor, "digest" | "size">,
    exceptFolder?: string,
  ): Promise<LocalBlob | undefined>;
}
