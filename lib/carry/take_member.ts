/**
 * Writes one member of an image's layer as part of a store path.
 *
 * Invariants: what an upper layer wrote is not written again; a link is another name of a file that was written here or lies in a valid path,
 * and is found without going through any symlink.
 *
 * @module
 */
import { join } from "@std/path";
import { VerificationError } from "../base/errors.ts";
import type { TarContents } from "../base/tar_reader.ts";
import type { NixFolder } from "../nix/folder/nix_folder.ts";
import type { StoreTree } from "../nix/folder/store_tree.ts";
import type { LayerMember } from "../oci/layer_members.ts";

/** Where a Nix that optimises its store has another name of each file. */
export const linksName = ".links";

/** Where store paths are written. */
export interface StoreTrees {
  /** Where a path is written. */
  tree(baseName: string): StoreTree;
  /** The tree of a path of which something was written already. */
  begun(baseName: string): StoreTree | undefined;
}

/**
 * Writes a member of a path, and gives what takes its contents; `rest` is its path within, `""` for the path itself. Of `.links` no more is
 * written than may be there.
 *
 * @throws {VerificationError} if it cannot be what an image holds there
 */
export function takeMember(
  trees: StoreTrees,
  folder: NixFolder,
  { baseName, rest, member }: { baseName: string; rest: string; member: LayerMember },
): TarContents | undefined {
  const tree = trees.tree(baseName);
  if (isCovered(tree, rest, member.type)) return undefined;
  makeFolders(tree, rest);
  switch (member.type) {
    case "directory":
      tree.directory(rest);
      break;
    case "symlink":
      tree.symlink(rest, member.target);
      break;
    case "link":
      tree.link(rest, linked(trees, folder, member));
      break;
    case "file":
      // What a path needs of it is missed then.
      if (baseName === linksName && !tree.hasRoom(member.size)) return undefined;
      tree.file(rest, (member.mode & 0o100) !== 0, member.size);
      return (bytes) => tree.contents(bytes);
  }
  return undefined;
}

function linked(
  trees: StoreTrees,
  folder: NixFolder,
  { path, target }: LayerMember,
): string {
  if (target.startsWith("nix/store/")) {
    const [baseName = "", ...rest] = target.slice("nix/store/".length).split("/");
    const found = trees.begun(baseName)?.written(rest.join("/")) ??
      plainFile(folder.store, [baseName, ...rest]);
    if (found !== undefined) return found;
  }
  throw new VerificationError(
    `Cannot unpack "/${path}": it is a link to "/${target}", and no such file was unpacked`,
    { side: "source" },
  );
}

/** Whether an upper layer has put something there that stays. */
function isCovered(tree: StoreTree, path: string, type: LayerMember["type"]): boolean {
  if (tree.isEmpty) return false;
  for (let end = -1; (end = path.indexOf("/", end + 1)) > 0;) {
    if ((tree.kind(path.slice(0, end)) ?? "directory") !== "directory") return true;
  }
  const root = tree.kind("");
  if (path !== "" && root !== undefined && root !== "directory") return true;
  const there = tree.kind(path);
  return there !== undefined && !(there === "directory" && type === "directory");
}

/** Makes the folders above a path that no layer names. */
function makeFolders(tree: StoreTree, path: string): void {
  if (path === "") return;
  tree.directory("");
  for (let end = -1; (end = path.indexOf("/", end + 1)) > 0;) tree.directory(path.slice(0, end));
}

/** A file that lies behind no symlink; `undefined` for anything else. */
function plainFile(folder: string, parts: readonly string[]): string | undefined {
  let at = folder;
  try {
    for (const [i, part] of parts.entries()) {
      at = join(at, part);
      const info = Deno.lstatSync(at);
      if (i === parts.length - 1 ? !info.isFile : !info.isDirectory) return undefined;
    }
    return at;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
