/** What a prune of a carried store frees and keeps. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { readLinks } from "../../../lib/nix/folder/nix_links.ts";
import { pruneStore } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom, ownVersion } from "../../support/carry_room.ts";
import { makeStore, tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { treeOf } from "../../support/tree.ts";
import { fill, names, prune } from "../../support/prune_room.ts";
import { removeTree } from "../../support/remove_tree.ts";

realTest(
  "pruneStore() frees what no kept image needs, and nothing else",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const last = await fill(room);
    const before = await treeOf(room.nix.path);
    const planned = await prune(room, 1, true);
    assertEquals(await treeOf(room.nix.path), before);
    const done = await prune(room, 1);
    assertEquals({ ...planned, dryRun: false }, done);
    assertEquals(done.dropped.map((each) => each.nixVersion), ["2.8.0"]);
    assertEquals(done.kept.map((each) => each.nixVersion), ["2.8.2", "2.8.1"]);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.1", "nix-2.8.2", "shell"]);
    await verifyWithNix(room.nix.uri);
    const roots = await folderNames(join(room.nix.state, "gcroots", "kedge"));
    assertEquals(roots.length, 2);
    assertEquals((await prune(room, 1)).changed, false);
    assertEquals((await prune(room, 0)).paths, 1);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.2", "shell"]);
    assertEquals((await room.carry(last)).changed, false);
  },
);

realTest(
  "pruneStore() keeps what was built, what it needs, and what roots name",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await fill(room);
    const of = async (name: string) =>
      (await validWithNix(room.nix.uri)).find((path) => path.endsWith(`-${name}`))!;
    const old = await of("nix-2.8.0");
    const rooted = await of("nix-2.8.1");
    await Deno.symlink(rooted, join(room.nix.state, "gcroots", "mine"));
    // What a build in the volume makes of the oldest Nix, noted by real Nix.
    const built = await makeStore(join(room.folder, "built"), [{ name: "built" }]);
    const baseName = built.paths["built"]!;
    await Deno.rename(
      join(built.root, "nix", "store", baseName),
      room.nix.pathOf(baseName),
    );
    const registration = `/nix/store/${baseName}\n${"0".repeat(64)}\n120\n\n1\n${old}\n`;
    const child = new Deno.Command("nix-store", {
      args: ["--store", room.nix.uri, "--load-db"],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(registration));
    await writer.close();
    assertEquals((await child.status).success, true);
    const done = await prune(room, 0);
    assertEquals([done.dropped.length, done.paths], [2, 0]);
    assertEquals((await names(room.nix)).filter((name) => name.startsWith("nix-")).length, 3);
  },
);

realTest(
  "pruneStore() frees the files of which Nix keeps another name to save room",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await fill(room);
    const { code } = await new Deno.Command("nix-store", {
      args: ["--store", room.nix.uri, "--optimise"],
      stderr: "null",
    }).output();
    assertEquals(code, 0);
    const links = room.nix.pathOf(".links");
    const counts = async () =>
      (await Promise.all(
        (await folderNames(links)).map(async (name) => (await Deno.lstat(join(links, name))).nlink),
      )).sort();
    const before = await counts();
    assertEquals(before.includes(1), false);
    await prune(room, 1);
    const after = await counts();
    assertEquals([after.length < before.length, after.includes(1)], [true, false]);
    await verifyWithNix(room.nix.uri);
    // What is not a link of Nix's there stays.
    await Deno.writeTextFile(join(links, "mine"), "mine");
    await Deno.mkdir(join(links, "folder"));
    await prune(room, 0);
    assertEquals((await folderNames(links)).filter((name) => name.length < 10), ["folder", "mine"]);
  },
);

realTest(
  "pruneStore() takes away the links that only an image had which is let go of, unless one leads there",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { root, paths } = await room.store("2.8.0");
    const profiles = join(root, "nix/var/nix/profiles");
    const nix = `/nix/store/${paths["nix-2.8.0"]}`;
    // Of another generation than those of later images.
    await Deno.symlink(nix, join(profiles, "default-2-link"));
    await Deno.symlink("default-2-link", join(profiles, "other"));
    await room.carry(await room.image("2.8.0", [await tarOf(root, ["nix"])]));
    await room.carry(await room.image("2.8.1"));
    const links = async () =>
      (await readLinks(join(room.nix.state, "profiles"))).map(({ path }) => path);
    const all = ["default", "default-1-link", "default-2-link", "other"];
    assertEquals(await links(), all);
    // Somebody has made a profile of his own of it.
    await Deno.symlink("/nix/var/nix/profiles/other", join(room.nix.state, "profiles", "own"));
    const planned = await prune(room, 0, true);
    assertEquals(planned.paths, 0);
    await prune(room, 0);
    assertEquals(await links(), [...all, "own"]);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.0", "nix-2.8.1", "shell"]);

    await Deno.remove(join(room.nix.state, "profiles", "own"));
    await room.carry(await room.image("2.8.0", [await tarOf(root, ["nix"])]));
    await room.carry(await room.image("2.8.2"));
    const done = await prune(room, 0);
    assertEquals([done.dropped.length, done.paths], [2, 2]);
    assertEquals(await links(), ["default", "default-1-link"]);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.2", "shell"]);
    await verifyWithNix(room.nix.uri);
  },
);

for (const kind of ["an image", "an image that was never noted"]) {
  realTest(
    `pruneStore() leaves ${kind} to a later one while a program uses it, and loses nothing of it`,
    carryPrograms,
    async () => {
      await using room = await CarryRoom.make();
      const version = ownVersion();
      const old = await room.image(version);
      await room.carry(old);
      await room.carry(await room.image("2.8.1"));
      if (kind !== "an image") {
        await Deno.remove(room.notePath(old));
      }
      const nix = (await validWithNix(room.nix.uri)).find((path) => path.endsWith(`-${version}`))!;
      {
        // By what the folder is called here: what a program names that sees this machine's store is of that one.
        const TOOLS = `/bin:${room.folder}${nix}/bin`;
        await using program = new Deno.Command("sleep", { args: ["600"], env: { TOOLS } }).spawn();
        const { changed, dropped, why } = await prune(room, 0);
        assertEquals([changed, dropped], [false, []]);
        assertStringIncludes(why, "nor in use");
        program.kill();
      }
      assertEquals((await prune(room, 0)).paths, 1);
      assertEquals(await names(room.nix), ["libc", "nix-2.8.1", "shell"]);
      assertEquals((await prune(room, 0)).changed, false);
    },
  );
}

realTest("base-image:prune prints what it let go of", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await fill(room);
  const args = ["base-image:prune", `--folder=${room.nix.path}`];
  const cacheDir = join(room.folder, "cache");
  const { code, stdout, stderr } = await runKedge([...args, "--keep=1"], { cacheDir });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "2.8.0@sha256:");
  assertEquals((await runKedge(args, { cacheDir })).code, 2);
  await assertRejects(() => prune(room, -1), UsageError);
});

Deno.test("pruneStore() says that there is no such folder", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const file = join(dir, "file");
    await Deno.writeTextFile(file, "");
    const ctx = { cache: new Cache(join(dir, "cache")) };
    for (
      const [folder, expected] of [
        [join(dir, "none"), "Cannot prune the folder"],
        [file, "a file stands there, or above it"],
      ] as const
    ) {
      for (const dryRun of [true, false]) {
        const running = () => pruneStore({ in: { folder }, keep: 0 }, { ...ctx, dryRun });
        await assertRejects(running, KedgeError, expected);
      }
    }
  } finally {
    await removeTree(dir);
  }
});
