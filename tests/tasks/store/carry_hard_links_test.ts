/** Files of which an image has several names: carryStore() keeps them one file, wherever it reads the image. */
import { assertEquals } from "@std/assert";
import { walk } from "@std/fs";
import { join, relative } from "@std/path";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { podmanTest } from "../../support/carry_podman.ts";
import { nixPaths } from "../../support/carry_room.ts";
import {
  type ImagePath,
  type MadeStore,
  tarOf,
  verifyWithNix,
} from "../../support/nix_store_image.ts";

/** The names that each file with several of them has in a store, sorted. */
async function namesOf(store: string): Promise<string[][]> {
  const files = new Map<number, string[]>();
  for await (const { path, isFile } of walk(store, { followSymlinks: false })) {
    const { ino, nlink } = await Deno.lstat(path);
    if (!isFile || nlink === 1) continue;
    files.set(ino!, [...files.get(ino!) ?? [], relative(store, path)].sort());
  }
  return [...files.values()].sort();
}

/** A file of a store: the name of its path, and its own there. */
type StoreFile = readonly [name: string, file: string];

/** Makes files of a store one file with several names, as Nix leaves them that optimises its store: also in `.links`. */
async function linkFiles({ root, paths }: MadeStore, files: readonly StoreFile[]) {
  const store = join(root, "nix/store");
  await Deno.mkdir(join(store, ".links"), { recursive: true });
  let first: string | undefined;
  for (const [name, file] of files) {
    const path = join(store, paths[name]!, file);
    if (first === undefined) await Deno.link(path, join(store, ".links", "one"));
    else {
      await Deno.remove(path);
      await Deno.link(first, path);
    }
    first ??= path;
  }
}

const same = "x the same in all";
const small: ImagePath[] = [
  { name: "two", files: { "bin/a": same, "bin/b": same, "bin/other": same } },
  { name: "one", files: { "z": same, "a/b/c": same } },
  ...nixPaths("2.8.0"),
];
/** What is worth threads. */
const large: ImagePath[] = [
  ...Array.from({ length: 8 }, (_, i) => ({
    name: `big-${i}`,
    files: { data: `${i}`.repeat(3_000_000), first: same, last: same },
  })),
  ...small,
];

const shared: StoreFile[] = [
  ["two", "bin/a"],
  ["two", "bin/b"],
  ["one", "z"],
  ["one", "a/b/c"],
];
const inLarge = large.slice(0, 8).flatMap(({ name }): StoreFile[] => [
  [name, "first"],
  [name, "last"],
]);

for (
  const { size, paths, files } of [
    { size: "small", paths: small, files: shared },
    { size: "large", paths: large, files: [...shared, ...inLarge] },
  ]
) {
  podmanTest(
    `carryStore() keeps one file with several names one file, of a ${size} store`,
    async (ground) => {
      const { room } = ground;
      const made = await room.store("2.8.0", paths);
      await linkFiles(made, files);
      await room.image("2.8.0", [await tarOf(made.root, ["nix"])]);
      const base = await ground.pull("2.8.0");
      const layered = new NixFolder(join(room.folder, "layered"));
      const { copy: _copy, ...bare } = base;
      await room.carry(bare, { to: { folder: layered.path } });
      const expected = [files.map(([name, file]) => `${made.paths[name]}/${file}`).sort()];
      assertEquals(await namesOf(layered.store), expected);
      await ground.carry(base);
      assertEquals(await namesOf(room.nix.store), expected);
      await verifyWithNix(room.nix.uri);
    },
  );
}
