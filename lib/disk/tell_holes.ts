import { formatBytes } from "../base/bytes.ts";
import { mayCompress, takenBytes } from "../base/disk_space.ts";
import type { Meter } from "../base/meter.ts";

/** So many bytes of zeros take some ten seconds. */
const muchBytes = 16 * 1024 ** 3;

/** Says that a file is mostly holes and that they are read like all else, since Deno does not let a program ask where they are. */
export function tellHoles(
  meter: Meter,
  path: string,
  info: Pick<Deno.FileInfo, "size" | "blocks">,
): void {
  const takes = takenBytes(info);
  if (info.size - takes < muchBytes || mayCompress(path)) return;
  meter.note(
    `"${path}" takes ${formatBytes(takes)} of its disk, and has ${
      formatBytes(info.size)
    }: its holes are ` +
      "read too, which takes as long as if they were data; a later push reads nothing if the file is unchanged",
  );
}
