/**
 * Whether a folder is a cache of kedge, so that nothing of anybody else's is taken for one.
 *
 * Invariants: a folder is a cache if it holds kedge's CACHEDIR.TAG, or nothing but what kedge makes; any other is refused before
 * anything in it is written or removed.
 *
 * @module
 */
import { join } from "@std/path";
import { isTemporaryName } from "../base/atomic_file.ts";
import { UsageError } from "../base/errors.ts";
import { lookAt } from "../base/files.ts";
import { isJournalName, markerNames, tagName } from "./markers.ts";

/** Whether something at the root of a cache is kedge's own: a bucket of any version, a marker, the journal, work under way. */
export function isOwnName(name: string): boolean {
  return markerNames.has(name) || isJournalName(name) || isTemporaryName(name) ||
    /^[a-z]+-v\d+$/.test(name) || name === ".gc-stamp" || name === ".verify-cursor";
}

/** Whether something at the root of a cache is somebody else's; what the system puts into folders is nobody's. */
export function isStrangeName(name: string): boolean {
  return !isOwnName(name) && name !== "lost+found" && name !== ".DS_Store";
}

/**
 * Makes sure that a folder may be used, cleaned and pruned as a cache; one that is not there may.
 *
 * @throws {UsageError} if it is somebody else's, or no folder
 */
export function checkOwnFolder(root: string): void {
  let stranger: string | undefined;
  try {
    for (const { name } of Deno.readDirSync(root)) {
      if (isStrangeName(name)) stranger ??= name;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    refuseFile(root);
    throw error;
  }
  if (stranger === undefined || isTagged(root)) return;
  throw new UsageError(
    `Cannot use "${root}" as the cache: it is not kedge's, it holds "${stranger}"`,
    { hint: "name an empty folder, or one that is not there yet, with --cache-dir" },
  );
}

function isTagged(root: string): boolean {
  const tag = join(root, tagName);
  return lookAt(tag)?.isFile === true && Deno.readTextFileSync(tag).includes("kedge");
}

/**
 * Refuses a file in the place of the cache folder; what is not there, or cannot be looked at, may be.
 *
 * @throws {UsageError} if there is a file
 */
export function refuseFile(root: string): void {
  try {
    if (Deno.statSync(root).isDirectory) return;
  } catch {
    return;
  }
  throw new UsageError(`Cannot use "${root}" as the cache: it is not a folder`, {
    hint: "name a folder, or a path where nothing is yet, with --cache-dir",
  });
}
