import { delay } from "@std/async";
import { lookAt } from "../../base/files.ts";
import { Beneath } from "./beneath.ts";
import type { NixFolder } from "./nix_folder.ts";

/** What Nix names a file there by: its hash. */
const hashName = /^[0-9abcdfghijklmnpqrsvwxyz]{52}$/;
const yieldEvery = 1000;

/** Whether there is such a place. */
export function hasLinks(folder: NixFolder): boolean {
  return lookAt(folder.pathOf(".links"))?.isDirectory === true;
}

/**
 * Removes files that are in no store path any more from where a Nix that optimises its store keeps another name of each, as Nix's garbage
 * collector does; whoever calls holds its lock. No abort ends it: it is soon done.
 */
export async function removeUnusedLinks(folder: NixFolder): Promise<void> {
  if (!hasLinks(folder)) return;
  using beneath = new Beneath(folder.path);
  const below = "store/.links";
  // The name of what is in a folder is never one of a folder behind a link.
  const entries = beneath.use(`${below}/.`, (name) => [...Deno.readDirSync(name)]);
  for (const [at, { name, isDirectory }] of entries.entries()) {
    if (at % yieldEvery === 0) await delay(0);
    if (isDirectory || !hashName.test(name)) continue;
    beneath.use(`${below}/${name}`, (path) => {
      // Another Nix may have made a path of it since it was looked at: that has a name of its own.
      if (lookAt(path)?.nlink === 1) Deno.removeSync(path);
    });
  }
}
