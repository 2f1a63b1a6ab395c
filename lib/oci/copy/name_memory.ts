import type { Digest } from "../../base/digest.ts";

/** Something by its digest. */
export interface KeptPart {
  /** Its digest. */
  readonly digest: Digest;
  /** Its media type. */
  readonly mediaType: string;
}

/** What the name of an image meant, and what there is of that. */
export interface KeptName {
  /** What the name pointed to. */
  readonly root: KeptPart;
  /** What was read to choose of it: the root, what is nested in it, configs. */
  readonly parts: readonly KeptPart[];
}

/** A part with its bytes. */
export interface FoundPart extends KeptPart {
  /** All of them. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What the name of an image means, as it was seen now. */
export interface FoundName extends KeptName {
  /** The parts of which the bytes are not kept yet. */
  readonly fresh: readonly FoundPart[];
}

/** What is kept of the name of an image from run to run; an upper floor lends it. What it gives is hashed where it is used. */
export interface NameMemory {
  /** What the name meant when it was looked at last, as far as that is known. */
  recall(): Promise<KeptName | undefined>;
  /** The bytes of a part, where there are any. */
  bytes(digest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined>;
}
