import { codeOf } from "./errors.ts";

/** What to do about a disk that fails. */
export const failingDiskHint =
  "the disk, or what leads to it, fails; look at what the system says of it, as dmesg does, or name another place";

/** Whether an error of the system says that a disk fails. */
export function isFailingDisk(error: unknown): boolean {
  return codeOf(error) === "EIO";
}
