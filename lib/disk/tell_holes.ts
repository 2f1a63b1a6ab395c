import { formatBytes } from "../base/bytes.ts";
import { mayCompress, takenBytes } from "../base/disk_space.ts";
import type { Meter } from "../base/meter.ts";

/** So many bytes of zeros take some ten seconds. */
const muchBytes = 16 * 1024 ** 3;

/**
 * Says that a file is mostly holes and that they are read like all else, since Deno does not let a program ask where they are.
 *
 * @param certain whether whatever is written to it from here on shows, so that a later push need not read it to know that nothing was
 */
export function tellHoles(
  meter: Meter,
  path: string,
  info: Pick<Deno.FileInfo, "size" | "blocks">,
  certain: boolean,
): void {
  const takes = takenBytes(info);
  if (info.size - takes < muchBytes || mayCompress(path)) return;
  const later = certain ? "; a later push reads nothing if the file is unchanged" : "";
  meter.note(
    `"${path}" takes ${formatBytes(takes)} of its disk, and has ${formatBytes(info.size)}: ` +
      `its holes are read too, which takes as long as if they were data${later}`,
  );
}
