import { leastBlock, takenBytes } from "../base/disk_space.ts";
import { dataBytes } from "../chunk/chunk_table.ts";
import { bytesToWrite } from "./move_pull.ts";
import type { DiskPullPlan } from "./plan_pull.ts";
import { bytesToSave } from "./save_moved.ts";

/** What {@linkcode roomForPull} looks at. */
export type PullToWrite = Pick<
  DiskPullPlan,
  "file" | "image" | "inPlace" | "located" | "out" | "places" | "sources"
>;

/**
 * How many bytes must be free for a pull. One in place needs room only for what the file grows by, of which its holes that are filled are a part, for
 * what moves within it, and for its journal. What the system does not tell is not counted: which holes of a file are filled while as much of it becomes
 * zeros, which take as much room as before; and the whole packs that a run keeps in the cache where a registry gives no ranges.
 *
 * @param compressed whether the file system may compress: then no chunk is counted for more than it takes in its pack
 */
export function roomForPull(plan: PullToWrite, compressed: boolean): number {
  const { file, image: { index }, inPlace } = plan;
  const lengths = compressed ? index.stored : index.lengths;
  const writes = bytesToWrite(plan, lengths);
  if (!inPlace) return writes;
  const taken = file.info === undefined ? 0 : takenBytes(file.info);
  const grows = Math.max(0, index.size - (file.info?.size ?? 0), dataBytes(index) - taken);
  // A file system that may compress may also keep a small file such as the journal beside its name.
  const journal = compressed ? 0 : leastBlock;
  return bytesToSave(plan, lengths) + Math.min(grows, writes) + journal;
}
