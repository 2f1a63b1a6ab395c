/**
 * Writes the members of an image's layers as store paths.
 *
 * Invariants: what an upper layer wrote is not written again; a link is another name of a file that was written here or lies in a valid path,
 * and is found without going through any symlink.
 *
 * @module
 */
import { join } from "@std/path";
import { VerificationError } from "../lib/base/errors.ts";
import type { NixFolder } from "../lib/nix/nix_folder.ts";
import type { StoreRow } from "../lib/nix/store_database.ts";
import type { StoreStage } from "../lib/nix/store_stage.ts";
import type { StoreTree } from "../lib/nix/store_tree.ts";
import type { LayerMember } from "../lib/oci/layer_members.ts";
import type { StoreTaker } from "./carry_image.ts";

/** Takes what is wanted of an image's layers into a stage. */
export class StoreUnpacker implements StoreTaker {
  readonly #folder: NixFolder;
  readonly #stage: StoreStage;
  readonly #wanted: Map<string, StoreRow>;
  readonly #onPlaced: (row: StoreRow) => void;
  readonly #touched = new Set<string>();

  /** Writes nothing yet. */
  constructor(
    folder: NixFolder,
    stage: StoreStage,
    wanted: readonly StoreRow[],
    onPlaced: (row: StoreRow) => void,
  ) {
    this.#folder = folder;
    this.#stage = stage;
    this.#wanted = new Map(wanted.map((row) => [row.storePath.baseName, row]));
    this.#onPlaced = onPlaced;
  }

  wants(baseName: string): boolean {
    return this.#wanted.has(baseName);
  }

  async take(baseName: string, rest: string, member: LayerMember): Promise<void> {
    const tree = this.#stage.tree(baseName);
    this.#touched.add(baseName);
    if (isCovered(tree, rest, member.type)) return;
    makeFolders(tree, rest);
    switch (member.type) {
      case "directory":
        return tree.directory(rest);
      case "symlink":
        return tree.symlink(rest, member.target);
      case "link":
        return tree.link(rest, await this.#linked(member));
      case "file":
        tree.file(rest, (member.mode & 0o100) !== 0, member.size);
        for await (const piece of member.body) tree.contents(piece);
    }
  }

  /** Brings what is whole by now into the store: its NAR is the one that the database names, whatever the layers below hold. */
  async layerEnd(): Promise<void> {
    for (const baseName of this.#touched) {
      const row = this.#wanted.get(baseName);
      if (row === undefined || !await this.#stage.placeIfWhole(row)) continue;
      this.#wanted.delete(baseName);
      this.#onPlaced(row);
    }
    this.#touched.clear();
  }

  /** Proves and brings into the store what is left, of which only all layers together are the whole. */
  async end(signal: AbortSignal): Promise<void> {
    for (const row of this.#wanted.values()) {
      await this.#stage.place(row, signal);
      this.#onPlaced(row);
    }
  }

  async #linked({ path, target }: LayerMember): Promise<string> {
    if (target.startsWith("nix/store/")) {
      const [baseName = "", ...rest] = target.slice("nix/store/".length).split("/");
      const found = this.#stage.begun(baseName)?.written(rest.join("/")) ??
        await plainFile(this.#folder.store, [baseName, ...rest]);
      if (found !== undefined) return found;
    }
    throw new VerificationError(
      `Cannot unpack "/${path}": it is a link to "/${target}", and no such file was unpacked`,
      { side: "source" },
    );
  }
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
async function plainFile(folder: string, parts: readonly string[]): Promise<string | undefined> {
  let at = folder;
  try {
    for (const [i, part] of parts.entries()) {
      at = join(at, part);
      const info = await Deno.lstat(at);
      if (i === parts.length - 1 ? !info.isFile : !info.isDirectory) return undefined;
    }
    return at;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
