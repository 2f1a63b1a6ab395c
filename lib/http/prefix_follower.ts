/** Whoever looks at a download from its start while the rest of it still comes. */
export interface PrefixFollower {
  /** The download begins in the file of this path; what was said of another one before is void. */
  begin(path: string): void;
  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void;
}
