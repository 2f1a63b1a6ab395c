import { canRead } from "../base/files.ts";
import type { Meter } from "../base/meter.ts";
import type { DiskFile } from "./disk_file.ts";

/** Whether chunks can be taken from the file that a pull replaces; says so where it is there and this user may not read it. */
export function canTake({ path, info }: Pick<DiskFile, "path" | "info">, meter: Meter): boolean {
  if (info === undefined) return false;
  if (canRead(path)) return true;
  meter.note(`"${path}" may not be read by this user: nothing of it is taken`, "warning");
  return false;
}
