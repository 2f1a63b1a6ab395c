import type { Digest } from "../base/digest.ts";

/** Whoever reads a download from its start while the rest of it still comes, and says its digest in the end. */
export interface PrefixFollower {
  /** The download begins in the file of this path; what was said of another one before is void. */
  begin(path: string): void;
  /** So many bytes from the start on are there for good; it may be that this is never said. */
  grown(prefixBytes: number): void;
  /** The digest of the whole file, which has this path and this size now. */
  digest(path: string, sizeBytes: number, signal?: AbortSignal): Promise<Digest>;
}
