import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { SharedFiles } from "../../../lib/carry/shared_files.ts";
import { hashNar } from "../../../lib/nix/nar/hash_nar.ts";
import { StoreTree } from "../../../lib/nix/folder/store_tree.ts";
import { visitTree } from "../../../lib/nix/nar/visit_tree.ts";
import { inFolder } from "../../support/in_folder.ts";

/** A folder with one file that has two names, and what takes it twice. */
async function withShared(
  run: (ground: { dir: string; from: string; copy(to: string): Promise<StoreTree> }) => unknown,
): Promise<void> {
  await inFolder(async (dir) => {
    const from = join(dir, "from");
    await Deno.mkdir(from);
    await Deno.writeTextFile(join(from, "a"), "shared", { mode: 0o755 });
    await Deno.link(join(from, "a"), join(from, "b"));
    await Deno.writeTextFile(join(from, "c"), "alone");
    using shared = new SharedFiles(dir, dir);
    const copy = async (to: string) => {
      using tree = new StoreTree(join(dir, to));
      await visitTree(from, tree, { shared: shared.within(tree) });
      return tree;
    };
    await run({ dir, from, copy });
  });
}

async function inodes(folder: string): Promise<(number | null)[]> {
  return await Promise.all(
    ["a", "b"].map(async (name) => (await Deno.stat(join(folder, name))).ino),
  );
}

Deno.test("SharedFiles makes one file of all names of a file, in one path and in others", async () => {
  await withShared(async ({ from, copy }) => {
    const [one, two] = [await copy("one"), await copy("two")];
    const [first] = await inodes(one.root);
    assertEquals([...await inodes(one.root), ...await inodes(two.root)], Array(4).fill(first));
    // It is hashed as part of each path, at once.
    for (const tree of [one, two]) assertEquals(tree.summary(), await hashNar(from));
  });
});

Deno.test("SharedFiles makes one file of what two write at once, which is hashed afterwards", async () => {
  await withShared(async ({ dir, from, copy }) => {
    using shared = new SharedFiles(dir, dir);
    using tree = new StoreTree(join(dir, "slow"));
    const { link, keep } = shared.within(tree);
    let isFirst = true;
    await visitTree(from, tree, {
      shared: {
        link,
        keep(path, info) {
          // Another thread was faster.
          if (isFirst) keepElsewhere(info);
          isFirst = false;
          keep(path, info);
        },
      },
    });
    function keepElsewhere(info: Deno.FileInfo) {
      using other = new StoreTree(join(dir, "fast"));
      other.file("", true, 6);
      other.contents(new TextEncoder().encode("shared"));
      shared.within(other).keep("", info);
    }
    const { ino } = await Deno.stat(join(dir, "fast"));
    assertEquals(await inodes(tree.root), [ino, ino]);
    assertEquals(tree.summary(), undefined);
    assertEquals(await hashNar(tree.root), await hashNar(from));
    assertEquals((await copy("later")).summary(), await hashNar(from));
  });
});

Deno.test("SharedFiles leaves files alone where no link can be made", async () => {
  await withShared(async ({ dir, from, copy }) => {
    const { dev, ino } = await Deno.stat(join(from, "a"));
    await Deno.mkdir(join(dir, "shared", `${dev}-${ino}`));
    await assertRejects(
      () => Deno.link(join(dir, "shared", `${dev}-${ino}`), join(dir, "link")),
      Deno.errors.PermissionDenied,
    );
    const tree = await copy("one");
    const [a, b] = await inodes(tree.root);
    assertEquals(a === b, false);
    assertEquals(tree.summary(), await hashNar(from));
  });
});
