import { join } from "@std/path";
import { type Control, dataName, readControl } from "./control_file.ts";
import { soundParts, withinParts } from "./part_sums.ts";

/**
 * The state of a partial download without what was damaged since: those parts count as missing. One that was written without sums is taken
 * as it is.
 */
export async function readSoundControl(
  folder: string,
  source: string,
): Promise<Control | undefined> {
  const control = await readControl(folder, source);
  if (control?.sums === undefined) return control;
  const sums = await soundParts(join(folder, dataName), control.sums);
  return { ...control, sums, done: withinParts(control.done, sums) };
}
