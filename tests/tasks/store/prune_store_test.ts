import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { folderNames, lookAt } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { readLinks } from "../../../lib/nix/folder/nix_links.ts";
import { pruneNixFolder } from "../../../lib/nix/folder/prune_nix_folder.ts";
import type { BaseImageResult } from "../../../tasks/base_image/base_image.ts";
import { pruneStore, type PruneStoreResult } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom, ownVersion } from "../../support/carry_room.ts";
import {
  layersOf,
  makeStore,
  tarOf,
  validWithNix,
  verifyWithNix,
} from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { treeOf } from "../../support/tree.ts";

/** Carries the stores of three versions into the folder of a room; gives the last image, which profiles follow. */
async function fill(room: CarryRoom): Promise<BaseImageResult> {
  await room.carry(await room.image("2.8.0"));
  await room.carry(await room.image("2.8.1"));
  const last = await room.image("2.8.2");
  await room.carry(last);
  return last;
}

async function prune(room: CarryRoom, keep: number, dryRun = false): Promise<PruneStoreResult> {
  return await pruneStore({ in: { folder: room.nix.path }, keep }, { ...room.context, dryRun });
}

async function names(folder: NixFolder): Promise<string[]> {
  return (await validWithNix(folder.uri)).map((path) => path.replace(/^.{44}/, "")).sort();
}

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
    // What is no link of Nix's there stays.
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

realTest(
  "pruneStore() frees the files and links that killed runs were about to name",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const store = await room.store("2.8.0");
    const images = [await room.image("2.8.0", await layersOf(store)), await room.image("2.8.1")];
    for (const image of images) await room.carry(image);
    const gone = new Deno.Command("true").spawn();
    await gone.status;
    const nix = `/nix/store/${store.paths["nix-2.8.0"]}`;
    const left = (pid: number, owner: string) =>
      [
        ...["var/kedge/current", "var/kedge/images/x.json", "var/nix/db/schema"],
        ...["var/nix/profiles/default", "var/nix/gcroots/kedge/imported/x"],
      ].map((path) => join(room.nix.path, `${path}.tmp-${pid}-${owner}`));
    await Deno.mkdir(join(room.nix.state, "gcroots/kedge/imported"), { recursive: true });
    const put = async (path: string) => {
      if (/profiles|imported/.test(path)) await Deno.symlink(nix, path);
      else await Deno.writeTextFile(path, "half");
    };
    for (const path of left(Deno.pid, "0a0a0a0a")) await put(path);
    // A link that is about to be a root is one.
    assertEquals((await prune(room, 0)).paths, 0);
    for (const path of left(Deno.pid, "0a0a0a0a")) await Deno.remove(path);
    for (const path of left(gone.pid, "0b0b0b0b")) await put(path);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.0", "nix-2.8.1", "shell"]);
    for (const image of images) await room.carry(image);
    const planned = await prune(room, 0, true);
    const done = await prune(room, 0);
    assertEquals({ ...planned, dryRun: false }, done);
    assertEquals([done.paths, done.changed], [1, true]);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.1", "shell"]);
    assertEquals(left(gone.pid, "0b0b0b0b").filter((path) => lookAt(path) !== undefined), []);

    await put(left(gone.pid, "0c0c0c0c")[0]!);
    const { why, changed } = await prune(room, 0);
    assertStringIncludes(why, "a killed run left what it had under way");
    assertEquals([changed, (await prune(room, 0)).changed], [true, false]);
  },
);

realTest(
  "pruneStore() frees an image whose carrying was killed before it was noted",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const first = await room.image("2.8.0");
    const second = await room.image("2.8.1");
    await room.carry(first);
    await room.carry(second);
    await Deno.remove(room.notePath(second));
    // It is the one that profiles follow: somebody removed its note.
    assertEquals((await prune(room, 1)).paths, 0);
    assertEquals((await names(room.nix)).length, 4);

    await room.carry(second);
    await room.carry(first);
    await Deno.remove(room.notePath(second));
    const planned = await prune(room, 0, true);
    const done = await prune(room, 0);
    assertEquals({ ...planned, dryRun: false }, done);
    assertEquals([done.changed, done.paths, done.dropped], [true, 1, []]);
    assertStringIncludes(done.why, "a killed run left what it had under way");
    assertEquals(await names(room.nix), ["libc", "nix-2.8.0", "shell"]);
    const roots = await folderNames(join(room.nix.state, "gcroots", "kedge"));
    assertEquals(roots, [first.manifestDigest.slice(7)]);
    assertEquals((await prune(room, 0)).changed, false);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "pruneStore() frees it also where a run that began to was killed before Nix's database was changed",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const first = await room.image("2.8.0");
    const second = await room.image("2.8.1");
    await room.carry(second);
    await room.carry(first);
    await Deno.remove(room.notePath(second));
    const schema = join(room.nix.databaseFolder, "schema");
    const { planNixPrune } = await import("../../../lib/nix/folder/prune_nix_folder.ts");
    const plan = await planNixPrune(room.nix, 0);
    await Deno.writeTextFile(schema, "11");
    const never = new AbortController().signal;
    await assertRejects(() => pruneNixFolder(room.nix, plan, () => {}, never), KedgeError, "newer");
    await Deno.writeTextFile(schema, "10");
    assertEquals((await prune(room, 0)).paths, 1);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.0", "shell"]);
    assertEquals((await prune(room, 0)).changed, false);
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

realTest(
  "pruneStore() loses nothing of an image that profiles follow and that a killed carry had yet to note",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const first = await room.image("2.8.0");
    const second = await room.image("2.8.1");
    await room.carry(first);
    await room.carry(second);
    await Deno.remove(room.notePath(second));
    await Deno.writeTextFile(join(room.nix.notes, "current"), first.manifestDigest);
    const { changed, why } = await prune(room, 0);
    assertEquals(changed, false);
    assertStringIncludes(why, "nor in use");
    await room.carry(await room.image("2.8.2"));
    assertEquals((await prune(room, 0)).paths, 2);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.2", "shell"]);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "carryStore() makes nothing valid before its roots tell of which image it is",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const store = await room.store("2.8.0");
    const base = await room.image("2.8.0", await layersOf(store));
    await room.carry(await room.image("2.8.1"));
    const roots = join(room.nix.state, "gcroots/kedge", base.manifestDigest.slice(7));
    // A folder in the place of a root ends the run there.
    const place = join(roots, store.paths["nix-2.8.0"]!);
    await Deno.mkdir(place, { recursive: true });
    await assertRejects(() => room.carry(base), KedgeError, "Cannot make the link");
    assertEquals(await names(room.nix), ["libc", "nix-2.8.1", "shell"]);
    await Deno.remove(place);
    await room.carry(base);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.0", "nix-2.8.1", "shell"]);
  },
);

realTest("pruneStore() finishes what a killed run began", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await fill(room);
  const stopped = new AbortController();
  const { planNixPrune } = await import("../../../lib/nix/folder/prune_nix_folder.ts");
  const plan = await planNixPrune(room.nix, 0);
  stopped.abort(new Error("killed"));
  await assertRejects(
    () => pruneNixFolder(room.nix, plan, () => {}, stopped.signal),
    Error,
    "killed",
  );
  const left = () =>
    [...Deno.readDirSync(room.nix.store)].map((entry) => entry.name)
      .filter((name) => name.includes("-nix-")).length;
  assertEquals(left(), 3);
  await verifyWithNix(room.nix.uri);
  assertEquals((await prune(room, 0)).changed, true);
  assertEquals(left(), 1);
  await verifyWithNix(room.nix.uri);
});

realTest(
  "pruneStore() frees the other names of files of which a killed run had deleted all paths",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await fill(room);
    await new Deno.Command("nix-store", {
      args: ["--store", room.nix.uri, "--optimise"],
      stderr: "null",
    }).output();
    const unused = async () => {
      const links = room.nix.pathOf(".links");
      const names = await folderNames(links);
      return names.filter((name) => Deno.lstatSync(join(links, name)).nlink === 1).length;
    };
    const { planNixPrune } = await import("../../../lib/nix/folder/prune_nix_folder.ts");
    const plan = await planNixPrune(room.nix, 0);
    const never = new AbortController().signal;
    let left = plan.rows.length;
    const killed = (path: string) => {
      if (path.startsWith("/nix/store/") && --left === 0) throw new Error("killed");
    };
    await assertRejects(() => pruneNixFolder(room.nix, plan, killed, never), Error, "killed");
    assertEquals(await unused() > 0, true);
    const planned = await prune(room, 0, true);
    const done = await prune(room, 0);
    assertEquals({ ...planned, dryRun: false }, done);
    assertEquals([done.changed, done.paths, await unused()], [true, 0, 0]);
    assertStringIncludes(done.why, "a killed run may have left other names of files that are gone");
    assertEquals((await prune(room, 0)).changed, false);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "pruneStore() finishes what ended before Nix's database was changed",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await fill(room);
    const { planNixPrune } = await import("../../../lib/nix/folder/prune_nix_folder.ts");
    const plan = await planNixPrune(room.nix, 0);
    const schema = join(room.nix.databaseFolder, "schema");
    await Deno.writeTextFile(schema, "11");
    const never = new AbortController().signal;
    await assertRejects(() => pruneNixFolder(room.nix, plan, () => {}, never), KedgeError, "newer");
    await Deno.writeTextFile(schema, "10");
    assertEquals((await names(room.nix)).length, 5);
    const done = await prune(room, 0);
    assertEquals([done.dropped.length, done.paths], [2, 2]);
    assertEquals(await names(room.nix), ["libc", "nix-2.8.2", "shell"]);
    assertEquals((await folderNames(join(room.nix.state, "gcroots", "kedge"))).length, 1);
    await verifyWithNix(room.nix.uri);
    assertEquals((await prune(room, 0)).changed, false);
  },
);

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
    await Deno.remove(dir, { recursive: true });
  }
});
