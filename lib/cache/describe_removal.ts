import { formatBytes } from "../base/bytes.ts";
import { counted } from "../base/counted.ts";
import type { Removal } from "./removal.ts";

/** What was removed, for people: `removed 3 files (12 MiB)`. */
export function describeRemoval({ files, folders, bytes }: Removal, dryRun: boolean): string {
  const what = files > 0 ? counted(files, "file") : counted(folders, "folder");
  return `${dryRun ? "would remove" : "removed"} ${what} (${formatBytes(bytes)})`;
}
