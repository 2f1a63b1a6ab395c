import { basename, join, relative } from "@std/path";
import { isTemporaryName } from "../../base/atomic_file.ts";
import { folderNames, lookAt } from "../../base/files.ts";
import { stateOfTemporary } from "../../base/temporary_owner.ts";
import { Beneath } from "./beneath.ts";
import type { NixFolder } from "./nix_folder.ts";
import type { NixLink } from "./nix_links.ts";

/** Where notes are written; links are made anywhere. */
const written = ["var/kedge", "var/kedge/images", "var/nix/db"];

/**
 * The files and links that killed runs were about to give their names to, by their paths below what is mounted as `/nix`.
 *
 * @param links all that there are below the state of Nix
 */
export async function leftNames(folder: NixFolder, links: readonly NixLink[]): Promise<string[]> {
  const files: string[] = [];
  for (const below of written) {
    const names = await folderNames(join(folder.path, below));
    files.push(...names.map((name) => `${below}/${name}`));
  }
  const state = relative(folder.path, folder.state);
  const all = [...files, ...links.map(({ path }) => `${state}/${path}`)];
  return all.filter((path) => isTemporaryName(basename(path)) && isLeft(join(folder.path, path)));
}

function isLeft(path: string): boolean {
  const info = lookAt(path);
  if (info === undefined || info.isDirectory) return false;
  return stateOfTemporary(path, info.mtime?.getTime()) === "dead";
}

/** Removes them; that one is gone already is fine. */
export function removeNames(folder: NixFolder, paths: readonly string[]): void {
  using beneath = new Beneath(folder.path);
  for (const path of paths) {
    beneath.use(path, (name) => {
      if (lookAt(name)?.isDirectory === false) Deno.removeSync(name);
    });
  }
}
