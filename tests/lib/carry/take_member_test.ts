import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { VerificationError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { type StoreTrees, takeMember } from "../../../lib/carry/take_member.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { StoreTree } from "../../../lib/nix/folder/store_tree.ts";
import type { LayerMember } from "../../../lib/oci/layer_members.ts";
import { removeTree } from "../../support/remove_tree.ts";

const base = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-a";
const other = "47rxcdx1wksl9dl0p9mnd0dh10h4rzfl-b";

/** A folder for store paths, and a store beside it. */
class Ground implements StoreTrees, AsyncDisposable {
  readonly #trees = new Map<string, StoreTree>();

  private constructor(readonly folder: string) {}

  static async make(): Promise<Ground> {
    const ground = new Ground(await Deno.makeTempDir({ prefix: "kedge-take-" }));
    await Deno.mkdir(join(ground.folder, "work"));
    await Deno.mkdir(ground.nix.store, { recursive: true });
    return ground;
  }

  get nix(): NixFolder {
    return new NixFolder(join(this.folder, "nix"));
  }

  tree(baseName: string): StoreTree {
    const tree = this.begun(baseName) ?? new StoreTree(join(this.folder, "work", baseName));
    this.#trees.set(baseName, tree);
    return tree;
  }

  begun(baseName: string): StoreTree | undefined {
    return this.#trees.get(baseName);
  }

  take(rest: string, more: Partial<LayerMember>, baseName = base): void {
    const path = `nix/store/${baseName}${rest === "" ? "" : `/${rest}`}`;
    const member: LayerMember = { path, type: "file", mode: 0o644, size: 0, target: "", ...more };
    const contents = takeMember(this, this.nix, { baseName, rest, member });
    if (member.size > 0) contents?.(new Uint8Array(member.size));
  }

  at(rest: string): string {
    return join(this.folder, "work", base, rest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tree of this.#trees.values()) tree[Symbol.dispose]();
    await removeTree(this.folder);
  }
}

Deno.test("takeMember() keeps of a mode nothing but whether it is a program", async () => {
  await using ground = await Ground.make();
  ground.take("", { type: "directory", mode: 0o7777 });
  ground.take("setuid", { mode: 0o6755, size: 3 });
  ground.take("open", { mode: 0o2666 });
  const modeOf = (rest: string) => Deno.lstatSync(ground.at(rest)).mode! & 0o7777;
  assertEquals([modeOf("setuid"), modeOf("open")], [0o555, 0o444]);
});

Deno.test("takeMember() lets nothing of a lower layer through a link of an upper one", async () => {
  await using ground = await Ground.make();
  const outside = join(ground.folder, "outside");
  await Deno.mkdir(outside);
  ground.take("", { type: "directory" });
  ground.take("a", { type: "symlink", target: outside });
  ground.take("a", { type: "directory" });
  ground.take("a/file", { size: 3 });
  ground.take("a/b/c", { type: "symlink", target: "/" });
  assertEquals(await folderNames(outside), []);
  assertEquals(await Deno.readLink(ground.at("a")), outside);
});

Deno.test("takeMember() keeps what an upper layer has of a path", async () => {
  await using ground = await Ground.make();
  ground.take("", { type: "directory" });
  ground.take("file", { size: 3 });
  ground.take("file", { size: 5 });
  ground.take("file/below", { size: 5 });
  ground.take("b/c", { size: 1 });
  ground.take("b", { type: "symlink", target: "/" });
  assertEquals((await Deno.lstat(ground.at("file"))).size, 3);
  assertEquals((await Deno.lstat(ground.at("b"))).isDirectory, true);
});

Deno.test("takeMember() links only to files of the store, found behind no symlink", async () => {
  await using ground = await Ground.make();
  const { store } = ground.nix;
  const secret = join(ground.folder, "secret");
  await Deno.writeTextFile(secret, "secret");
  await Deno.mkdir(join(store, other));
  await Deno.writeTextFile(join(store, other, "file"), "x");
  await Deno.symlink(ground.folder, join(store, other, "out"));
  await Deno.symlink(secret, join(store, other, "link"));
  ground.take("", { type: "directory" });
  const targets = ["etc/passwd", "nix/store", `nix/store/${other}`, `nix/store/${other}/none`];
  for (const more of ["out/secret", "link", "file/x"]) targets.push(`nix/store/${other}/${more}`);
  for (const target of [...targets, "nix/var/nix/db/db.sqlite"]) {
    const error = assertThrows(
      () => ground.take("linked", { type: "link", target }),
      VerificationError,
    );
    assertStringIncludes(error.message, `it is a link to "/${target}"`);
  }
  ground.take("own", { size: 2 });
  ground.take("first", { type: "link", target: `nix/store/${base}/own` });
  ground.take("second", { type: "link", target: `nix/store/${other}/file` });
  const inodeOf = async (rest: string) => (await Deno.lstat(ground.at(rest))).ino;
  assertEquals(await inodeOf("first"), await inodeOf("own"));
  assertEquals(await Deno.readTextFile(ground.at("second")), "x");
});

Deno.test("StoreTree writes no file that makes it larger than it is to be", async () => {
  await using ground = await Ground.make();
  using tree = new StoreTree(join(ground.folder, "work", base), 10);
  tree.directory("");
  tree.file("a", false, 6);
  tree.contents(new Uint8Array(6));
  const error = assertThrows(() => tree.file("b", false, 5), VerificationError);
  assertStringIncludes(error.message, "more than the 10 bytes");
  assertEquals(await folderNames(tree.root), ["a"]);
});
