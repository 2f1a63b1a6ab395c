import type { Digest } from "../../base/digest.ts";
import { digestHex, isDigest } from "../../base/digest_text.ts";
import { join } from "@std/path";
import { folderNames } from "../../base/files.ts";
import type { NixFolder } from "./nix_folder.ts";
import type { NixLink } from "./nix_links.ts";
import type { StoreRow } from "./store_row.ts";

const rootPath = /^gcroots\/kedge\/([0-9a-f]{64})\//;

/** The image whose root a link is, by its digest in hexadecimal; `undefined` for any other link. */
export function imageOf({ path }: Pick<NixLink, "path">): string | undefined {
  return rootPath.exec(path)?.[1];
}

/**
 * The images whose carrying ended before it was noted, though it had come to their roots, or to the folder of these.
 *
 * @param noted of which images there are notes, or pointers
 */
export async function begunImages(
  { state }: NixFolder,
  noted: readonly Digest[],
): Promise<string[]> {
  const known = noted.map(digestHex);
  const folders = await folderNames(join(state, "gcroots", "kedge"), { foldersOnly: true });
  return folders.filter((name) => isDigest(`sha256:${name}`) && !known.includes(name));
}

/** Names, with all that they need. */
export function neededBy(
  names: Iterable<string>,
  valid: ReadonlyMap<string, StoreRow>,
): Set<string> {
  const needed = new Set<string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    open.push(...valid.get(name)?.references ?? []);
  }
  return needed;
}
