/** Prunes of a store after runs that were killed, or ended, in the middle. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { folderNames, lookAt } from "../../../lib/base/files.ts";
import { pruneNixFolder } from "../../../lib/nix/folder/prune_nix_folder.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";
import { fill, names, prune } from "../../support/prune_room.ts";

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
