import { join } from "@std/path";
import { isTemporaryName } from "../../base/atomic_file.ts";
import { KedgeError, VerificationError } from "../../base/errors.ts";
import { isNotThere, lookAt } from "../../base/files.ts";
import { readSmallFile } from "./read_small_file.ts";

/** The folder of a layout in which work in progress lies. */
export const workName = ".kedge";
const ownNames = new Set(["blobs", "index.json", "oci-layout", workName]);

/**
 * Whether a folder is a layout; `false` if it is not there, empty, or holds only what an interrupted run began.
 *
 * @throws {KedgeError} if it is something else
 * @throws {VerificationError} if it is a layout of another version
 */
export async function isLayout(folder: string): Promise<boolean> {
  const bytes = readSmallFile(join(folder, "oci-layout"));
  if (bytes === undefined) {
    const others = await strangerIn(folder);
    if (others === undefined) return false;
    throw new KedgeError(`Cannot use "${folder}" as a layout: ${others}`, {
      hint: "name a folder that is a layout, is empty, or is not there yet",
      data: { folder: folder },
    });
  }
  let version: unknown;
  try {
    version = (JSON.parse(new TextDecoder().decode(bytes)) as { imageLayoutVersion?: unknown })
      .imageLayoutVersion;
  } catch {
    version = undefined;
  }
  if (version === "1.0.0") return true;
  throw new VerificationError(
    `Cannot use "${folder}" as a layout: its oci-layout does not say version 1.0.0`,
    { data: { folder: folder } },
  );
}

/** What speaks against the folder being, or becoming, a layout; what a killed process left of its first file does not. */
async function strangerIn(folder: string): Promise<string | undefined> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (!ownNames.has(name) && !isTemporaryName(name)) {
        return `it holds "${name}" and no oci-layout`;
      }
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) return "it is not a folder";
    if (!isNotThere(error)) throw error;
    if (lookAt(folder)?.isSymlink) return "it is a link to what is not there";
  }
  return undefined;
}
