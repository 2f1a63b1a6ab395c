/**
 * The plans of downloads that move something; apart from the plan of what is there, which needs nothing of all this.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import { Extents } from "../http/extents.ts";
import { defaultConnections, remainingPieces } from "../http/plan_pieces.ts";
import type { FoundProbe } from "../http/probe.ts";
import type { CachedFile } from "./cached_download_options.ts";
import type { DownloadPlan } from "./download_plan.ts";
import type { OriginAnswer } from "./origin_source.ts";
import type { OpenedInTier } from "./tier_source.ts";

/** The plan of a download from an origin that answered. */
export function originPlan(
  answer: OriginAnswer<FoundProbe>,
  options: {
    name: string;
    file: CachedFile;
    why: string;
    connections?: number;
    /** Requests beside those for the file. */
    furtherRequests: number;
  },
): DownloadPlan {
  const { name, file, why, connections = defaultConnections, furtherRequests } = options;
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
