import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { hashNar } from "../../../../lib/nix/nar/hash_nar.ts";
import { NarBuilder } from "../../../../lib/nix/nar/nar_builder.ts";
import type { NarVisitor } from "../../../../lib/nix/nar/nar_verifier.ts";
import { visitTree } from "../../../../lib/nix/nar/visit_tree.ts";
import { inFolder } from "../../../support/in_folder.ts";

Deno.test("visitTree() tells of all in the order of a NAR", async () => {
  await inFolder(async (dir) => {
    const root = join(dir, "root");
    await Deno.mkdir(join(root, "b", "deep"), { recursive: true });
    await Deno.writeTextFile(join(root, "b.c"), "dotted");
    await Deno.writeTextFile(join(root, "b", "empty"), "");
    await Deno.writeTextFile(join(root, "b", "deep", "run"), "run", { mode: 0o755 });
    await Deno.writeTextFile(join(root, "ä"), "not ASCII");
    for (const size of [2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20]) {
      await Deno.writeFile(join(root, `of-${size}`), new Uint8Array(size).fill(size % 251));
    }
    // What it leads to is not told of.
    await Deno.symlink(dir, join(root, "out"));
    for (const path of [root, join(root, "b.c"), join(root, "out"), join(root, "b", "empty")]) {
      const builder = new NarBuilder();
      await visitTree(path, builder);
      assertEquals(builder.end(), await hashNar(path));
    }
  });
});

const silent: NarVisitor = { directory() {}, file() {}, contents() {}, symlink() {} };

Deno.test("visitTree() opens nothing but files and folders", async () => {
  await inFolder(async (dir) => {
    const pipe = join(dir, "pipe");
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    for (const path of [dir, pipe]) {
      await assertRejects(
        () => visitTree(path, silent),
        KedgeError,
        `Cannot read "${pipe}": it is neither file, folder nor symlink`,
      );
    }
  });
});

Deno.test("visitTree() refuses a file that changes its size while it is read", async () => {
  await inFolder(async (dir) => {
    const path = join(dir, "file");
    for (const size of [50, 150]) {
      await Deno.writeFile(path, new Uint8Array(100));
      const changing = { ...silent, file: () => Deno.writeFileSync(path, new Uint8Array(size)) };
      await assertRejects(
        () => visitTree(path, changing),
        KedgeError,
        `Cannot read "${path}": it changed while it was read`,
      );
    }
  });
});

Deno.test("visitTree() ends on an abort", async () => {
  await inFolder(async (dir) => {
    await Deno.writeFile(join(dir, "file"), new Uint8Array(5 * 2 ** 20));
    const controller = new AbortController();
    let pieces = 0;
    const visitor = {
      ...silent,
      contents() {
        if (++pieces === 2) controller.abort(new Error("enough"));
      },
    };
    await assertRejects(() => visitTree(dir, visitor, controller), Error, "enough");
    assertEquals(pieces, 2);
  });
});
