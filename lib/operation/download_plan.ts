import type { CachedBlob } from "../cache/cached_blob.ts";
import type { EntryRecord } from "../cache/entry_record.ts";
import type { DownloadRecord } from "../cache/download_record.ts";
import type { FreshnessLifetime } from "../http/freshness_lifetime.ts";
import type { FoundProbe, UnchangedProbe } from "../http/probe.ts";
import type { Validators } from "../http/validators.ts";
import type { CachedFile } from "./cached_download_options.ts";
import type { Plan } from "./figures.ts";
import type { OriginAnswer } from "./origin_source.ts";
import type { OpenedInTier } from "./tier_source.ts";

/** What a cached download found to be missing, and where it is to be had. */
export interface DownloadPlan extends Plan {
  /** What the download gives, as far as it is known. */
  file: CachedFile;
  /** The contents, where the cache has them. */
  blob?: CachedBlob;
  /** The pointer as it stands. */
  record?: EntryRecord<DownloadRecord>;
  /** The answer of the origin. */
  answer?: OriginAnswer<FoundProbe>;
  /** The contents, opened in the team's tier. */
  fromTier?: OpenedInTier;
  /** Whether the contents had to be hashed again. */
  rehashed?: boolean;
  /** By what the version of the contents is known, where neither the origin nor the tier brought it now. */
  validators?: Validators;
  /** For how long the origin lets it be used without asking, where the tier has what it answered with. */
  lifetime?: FreshnessLifetime;
  /** The origin said that nothing changed. */
  confirmed?: UnchangedProbe;
}

/** The plan of what is there already. */
export function presentPlan(
  name: string,
  blob: CachedBlob,
  file: CachedFile,
  why: string,
): DownloadPlan {
  return {
    changed: false,
    bytesToMove: 0,
    bytesToReuse: blob.size,
    exact: true,
    requests: 0,
    why,
    objects: [{ label: name, sizeBytes: blob.size, state: "present" }],
    file,
    blob,
  };
}
