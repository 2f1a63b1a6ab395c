/**
 * The symlinks below `/nix/var/nix`: profiles and roots of the garbage collector.
 *
 * Invariants: a link is replaced in one rename; nothing is written through a link that stands where a folder must be.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { removeIfThere, temporaryName } from "../../base/atomic_file.ts";
import { codeOf, VerificationError } from "../../base/errors.ts";
import { ifThere, lookAt } from "../../base/files.ts";
import { Beneath } from "./beneath.ts";
import { folderEntries } from "./folder_entries.ts";
import { type NixFolder, nixStoreDir } from "./nix_folder.ts";
import { isStoreBaseName } from "../store_path.ts";

const stateFolder = "var/nix";

/** A symlink, by its path relative to a folder. */
export interface NixLink {
  /** Where it is: `profiles/default`. */
  path: string;
  /** Where it leads, as it is written. */
  target: string;
}

/** Makes symlinks below the state of Nix, replacing those that lead elsewhere; gives how many were changed. */
export async function putLinks(folder: NixFolder, links: readonly NixLink[]): Promise<number> {
  using beneath = new Beneath(folder.path);
  let changed = 0;
  for (const { path, target } of links) {
    checkWithin(folder.state, path);
    const place = `${stateFolder}/${path}`;
    beneath.makeFolder(dirname(place));
    if (await beneath.use(place, linkTarget) === target) continue;
    await beneath.use(place, async (name) => {
      // A root may have the longest name that there is.
      const temporary = temporaryName(join(dirname(name), "link"));
      await Deno.symlink(target, temporary);
      try {
        await Deno.rename(temporary, name);
      } catch (cause) {
        await removeIfThere(temporary);
        const whole = join(folder.state, path);
        throw new VerificationError(
          `Cannot make the link "${whole}": something else stands there`,
          { cause },
        );
      }
    });
    changed++;
  }
  return changed;
}

/** Links are noted where containers write too. */
function checkWithin(folder: string, path: string): void {
  if (path.split("/").every((part) => part !== "" && part !== "." && part !== "..")) return;
  throw new VerificationError(
    `Cannot make the link ${
      JSON.stringify(path.slice(0, 200))
    } below "${folder}": it leads out of it`,
  );
}

/**
 * All symlinks below a folder, in the order of their paths; none where it is not there. One that goes meanwhile is left out alone.
 *
 * @throws {VerificationError} if one leads to what is not a text, or its name, or that of a folder, is none
 */
export async function readLinks(folder: string, below = ""): Promise<NixLink[]> {
  const links: NixLink[] = [];
  for await (const { name, isSymlink, isDirectory } of folderEntries(join(folder, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    // Deno gives a name that is none, by which nothing is found: a root would be missed.
    if (name.includes("\uFFFD") && (isDirectory || isSymlink)) {
      throw unreadable(join(folder, path), "its name is not UTF-8");
    }
    if (isDirectory) links.push(...await readLinks(folder, path));
    const target = isSymlink ? await linkTarget(join(folder, path)) : undefined;
    if (target !== undefined) links.push({ path, target });
  }
  return links.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** The symlinks of profiles and roots, by their paths below the state of Nix. */
export async function stateLinks({ state }: NixFolder): Promise<NixLink[]> {
  const links: NixLink[] = [];
  for (const below of ["gcroots", "profiles"]) links.push(...await readLinks(state, below));
  return links;
}

/** Removes symlinks below the state of Nix, where they are and lead where they are said to. */
export function removeLinks(folder: NixFolder, links: readonly NixLink[]): void {
  using beneath = new Beneath(folder.path);
  for (const { path, target } of links) {
    checkWithin(folder.state, path);
    beneath.use(`${stateFolder}/${path}`, (name) => {
      if (lookAt(name)?.isSymlink && Deno.readLinkSync(name) === target) Deno.removeSync(name);
    });
  }
}

/** The store path that a link leads to or into, by its base name; `undefined` for any other link. */
export function storeNameOf({ target }: NixLink): string | undefined {
  if (!target.startsWith(`${nixStoreDir}/`)) return undefined;
  const name = target.slice(nixStoreDir.length + 1).split("/")[0]!;
  return isStoreBaseName(name) ? name : undefined;
}

/** Where a symlink leads; `undefined` if it is none, or not there. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await ifThere(Deno.readLink(path));
  } catch (error) {
    if (codeOf(error) === "EINVAL") return undefined;
    if (!(error instanceof Deno.errors.InvalidData)) throw error;
    throw unreadable(path, error.message);
  }
}

function unreadable(path: string, state: string): VerificationError {
  return new VerificationError(`Cannot read "${path}": ${state}`, {
    hint: "a program that had the folder as /nix may have made it; look at it, and remove it",
  });
}
