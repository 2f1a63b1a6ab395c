import type { DownloadEntry } from "../cache/download_entry.ts";
import type { CachedDownloadOptions } from "./cached_download_options.ts";
import type { OriginSource } from "./origin_source.ts";
import type { TierSource } from "./tier_source.ts";

/** What a planner of downloads asks. */
export interface DownloadPlannerOptions {
  /** What is to be had, and how. */
  download: CachedDownloadOptions;
  /** What the cache has of it. */
  entry: DownloadEntry;
  /** The origin and its mirrors. */
  origin: OriginSource;
  /** The team's tier. */
  tier: TierSource;
  /** Holds the locks, and the answers that nobody read, until the operation ends. */
  held: AsyncDisposableStack;
}
