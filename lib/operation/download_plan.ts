import { defined } from "../base/defined.ts";
import type { CachedBlob } from "../cache/blob_store.ts";
import type { EntryRecord } from "../cache/cache_entry.ts";
import type { DownloadRecord } from "../cache/download_record.ts";
import { Extents } from "../http/extents.ts";
import { remainingPieces } from "../http/plan_pieces.ts";
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
  /** The origin said that nothing changed. */
  confirmed?: UnchangedProbe;
}

/** The plan of a download from an origin that answered. */
export function originPlan(
  answer: OriginAnswer<FoundProbe>,
  options: {
    name: string;
    file: CachedFile;
    why: string;
    connections: number;
    /** Requests beside those for the file. */
    furtherRequests: number;
  },
): DownloadPlan {
  const { name, file, why, connections, furtherRequests } = options;
  const { probe } = answer;
  const done = new Extents(probe.partial?.done ?? []);
  const present = done.bytes;
  return {
    changed: true,
    bytesToMove: probe.size === undefined ? Infinity : probe.size - present,
    bytesToReuse: present,
    exact: probe.size !== undefined,
    requests: remainingPieces(probe, done, connections).length + furtherRequests,
    why: why + (present === 0 ? "" : `; ${present} bytes are there from an earlier run`),
    objects: [{ label: name, state: "missing", ...defined({ sizeBytes: probe.size }) }],
    file,
    answer,
  };
}

/** The plan of a download from the team's tier, which has it. */
export function tierPlan(
  fromTier: OpenedInTier,
  { name, file, why }: { name: string; file: CachedFile; why: string },
): DownloadPlan {
  const { size } = fromTier.record;
  return {
    changed: true,
    bytesToMove: size,
    bytesToReuse: 0,
    exact: true,
    requests: 0,
    why,
    objects: [{ label: name, state: "missing", sizeBytes: size }],
    file,
    fromTier,
  };
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
