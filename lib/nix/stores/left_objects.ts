import { join } from "@std/path";
import { removeIfThere } from "../../base/atomic_file.ts";
import { folderNames, ifThere } from "../../base/files.ts";
import { removeLeftTemporaries } from "../../base/left_temporaries.ts";
import { mayRemovePins, pinFolder } from "./file_pins.ts";
import { asideFolder, intentFolder } from "./prune_intent.ts";
import { publisherFolder } from "./publishers.ts";

const dayMs = 24 * 3_600_000;
/** A publish goes on with a large NAR of which a part is there. */
const partialMs = 7 * dayMs;

/**
 * Removes from the folder of a binary cache what killed publishes and prunes were writing there; gives its bytes. What may be under way, or be
 * gone on with, stays, and so does what lies beside pins that this user may not take away.
 */
export async function removeLeftObjects(
  dir: string,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<number> {
  const folders = [
    "",
    "nar",
    ".kedge",
    asideFolder,
    intentFolder,
    ...(mayRemovePins(dir) ? [pinFolder, publisherFolder] : []),
  ];
  const oldestMs = Date.now() - dayMs;
  let bytes = await removeLeftTemporaries(folders.map((each) => join(dir, each)), {
    oldestMs,
    dryRun,
  });
  for (const name of await folderNames(join(dir, "nar"))) {
    if (!name.endsWith(".partial")) continue;
    const path = join(dir, "nar", name);
    const info = await ifThere(Deno.lstat(path));
    if (!info?.isFile || (info.mtime?.getTime() ?? Infinity) > Date.now() - partialMs) continue;
    bytes += info.size;
    if (!dryRun) await removeIfThere(path);
  }
  return bytes;
}
