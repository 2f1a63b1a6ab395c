/**
 * What prunes are about to delete from the folder of a binary cache, written down before the catalog forgets it.
 *
 * Invariant: each prune has a file of its own, and takes one away only where nothing of it is there any more: one beside it that is killed leaves to
 * the next prune what it was about to delete, and one that puts back what this one deletes does so too.
 *
 * @module
 */
import { join } from "@std/path";
import { removeIfThere, writeFileAtomic } from "../../base/atomic_file.ts";
import { isNoRoom } from "../../base/errors.ts";
import { folderNames, ifThere, lookAt } from "../../base/files.ts";
import { isHashPart } from "../store_path.ts";
import { notWritten } from "./not_written.ts";

/** Where the files lie in the folder of a binary cache. */
export const intentFolder = ".kedge/prunes";

/** Where a prune moves narinfos aside before it judges them: from there they are deleted, or put back. */
export const asideFolder = ".kedge/pruned";

/** The one file in which all prunes of an older program write that down. */
const oneIntent = ".kedge/prune.json";

/** The hash parts of what prunes that were killed, or are under way, are about to delete. */
export async function readIntents(dir: string): Promise<Set<string>> {
  const files = await intentFiles(dir);
  return new Set([...files.values()].flat());
}

/** Writes down what is to go; gives the file, or `undefined` where the disk has no room for it. The folder must be there. */
export async function writeIntent(
  dir: string,
  hashParts: readonly string[],
): Promise<string | undefined> {
  const path = join(dir, intentFolder, `${crypto.randomUUID()}.json`);
  try {
    await writeFileAtomic(path, JSON.stringify(hashParts));
    return path;
  } catch (cause) {
    if (isNoRoom(cause)) return undefined;
    throw notWritten(path, cause);
  }
}

/**
 * Removes the file of a prune that is done, unless something of it is there that is not live: what waits for a pin, or what another prune gave its
 * name back meanwhile; and every other one of which nothing is there any more.
 */
export async function removeIntents(
  dir: string,
  done: string | undefined,
  live: ReadonlySet<string>,
): Promise<void> {
  for (const [path, hashParts] of await intentFiles(dir)) {
    const stays = (each: string) => isThere(dir, each) && !(path === done && live.has(each));
    if (!hashParts.some(stays)) await removeIfThere(path);
  }
}

/** How many bytes the files have of which nothing is there any more: a prune was killed right before it took its own away. That of this prune is not counted. */
export async function idleIntentBytes(dir: string, own?: string): Promise<number> {
  let bytes = 0;
  for (const [path, hashParts] of await intentFiles(dir)) {
    if (path !== own && !hashParts.some((each) => isThere(dir, each))) {
      bytes += lookAt(path)?.size ?? 0;
    }
  }
  return bytes;
}

/** Whether a path is in the store, or lies aside: the prune that moved it there may yet put it back. */
function isThere(dir: string, hashPart: string): boolean {
  return ["", asideFolder].some((folder) =>
    lookAt(join(dir, folder, `${hashPart}.narinfo`)) !== undefined
  );
}

async function intentFiles(dir: string): Promise<Map<string, string[]>> {
  const folder = join(dir, intentFolder);
  const files = new Map<string, string[]>();
  const names = (await folderNames(folder)).filter((name) => name.endsWith(".json"));
  for (const path of [...names.map((name) => join(folder, name)), join(dir, oneIntent)]) {
    const text = await ifThere(Deno.readTextFile(path));
    if (text !== undefined) files.set(path, hashPartsIn(text));
  }
  return files;
}

function hashPartsIn(text: string): string[] {
  try {
    const names: unknown = JSON.parse(text);
    return Array.isArray(names)
      ? names.filter((each) => typeof each === "string" && isHashPart(each))
      : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
