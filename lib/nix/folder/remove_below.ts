import { isNotThere } from "../../base/files.ts";
import type { Beneath } from "./beneath.ts";
import { removeTree } from "./remove_tree.ts";

/**
 * Removes what lies at a path below a folder, behind no link; that it, or the folder that it was in, is gone already is fine.
 *
 * @throws {VerificationError} if something else stands where a folder must be
 */
export async function removeBelow(beneath: Beneath, path: string): Promise<void> {
  try {
    await beneath.use(path, removeTree);
  } catch (error) {
    if (!isNotThere(error)) throw error;
  }
}
