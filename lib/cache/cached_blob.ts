import type { Digest } from "../base/digest.ts";

/** A blob that is there. */
export interface CachedBlob {
  /** Its digest. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** Where it lies; the file is read-only and must not be changed. */
  path: string;
  /** When its file was changed last, in milliseconds since 1970, as it was found. */
  changedMs?: number;
}
