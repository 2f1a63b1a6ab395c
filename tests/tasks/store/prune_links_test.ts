/** Which links of profiles pruneStore() takes away: none that anybody needs. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { gzipSync } from "node:zlib";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { readLinks } from "../../../lib/nix/folder/nix_links.ts";
import { planNixPrune, pruneNixFolder } from "../../../lib/nix/folder/prune_nix_folder.ts";
import { pruneStore } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom, ownVersion } from "../../support/carry_room.ts";
import { tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

const prune = (room: CarryRoom) =>
  pruneStore({ in: { folder: room.nix.path }, keep: 0 }, room.context);

const profiles = async (room: CarryRoom) =>
  (await readLinks(join(room.nix.state, "profiles"))).map(({ path }) => path);

for (const [what, gone] of [["no pointer", "pointer"], ["no note of it", "note"]] as const) {
  realTest(
    `pruneStore() leaves profiles as they are where ${what} says which image they follow`,
    carryPrograms,
    async () => {
      await using room = await CarryRoom.make();
      const { root } = await room.store("2.8.0");
      const layer = await tarOf(root, ["nix"]);
      await room.carry(await room.image("2.8.0", [layer]));
      // The same store once more, in another image.
      const last = await room.image("2.8.1", [gzipSync(layer)]);
      await room.carry(last);
      const { notes } = room.nix;
      const note = join(notes, "images", `${digestHex(last.manifestDigest)}.json`);
      // A run that was killed has not written the pointer yet; a note that is damaged is removed, as its error says.
      await Deno.remove(gone === "pointer" ? join(notes, "current") : note);
      const before = await validWithNix(room.nix.uri);
      assertEquals((await prune(room)).dropped.length, gone === "pointer" ? 2 : 1);
      assertEquals(await profiles(room), ["default", "default-1-link"]);
      assertEquals(await validWithNix(room.nix.uri), before);
    },
  );
}

realTest(
  "pruneStore() leaves a link of a dropped image into which another one leads",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { root, paths } = await room.store("2.8.0");
    const nix = `/nix/store/${paths["nix-2.8.0"]}`;
    await Deno.symlink(nix, join(root, "nix/var/nix/profiles/default-2-link"));
    await room.carry(await room.image("2.8.0", [await tarOf(root, ["nix"])]));
    await room.carry(await room.image("2.8.1"));
    // One program of a profile.
    const own = join(room.nix.state, "profiles", "own");
    await Deno.symlink("default-2-link/bin/nix", own);
    assertEquals((await prune(room)).paths, 0);
    assertEquals(await profiles(room), ["default", "default-1-link", "default-2-link", "own"]);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "an abort after the last path was deleted leaves no file of which Nix keeps another name",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await room.carry(await room.image("2.8.0"));
    await room.carry(await room.image("2.8.1"));
    const args = ["--store", room.nix.uri, "--optimise"];
    await new Deno.Command("nix-store", { args, stdout: "null", stderr: "null" }).output();
    const links = room.nix.pathOf(".links");
    const alone = async () => {
      const all = (await folderNames(links)).map((name) => Deno.lstatSync(join(links, name)));
      return all.filter(({ nlink }) => nlink === 1).length;
    };
    const plan = await planNixPrune(room.nix, 0);
    const ending = new AbortController();
    // After the last path went.
    let left = plan.rows.length;
    const onRemoved = () => void (--left === 0 && ending.abort(new Error("ended")));
    await pruneNixFolder(room.nix, plan, onRemoved, ending.signal);
    assertEquals([ending.signal.aborted, await alone()], [true, 0]);
    assertEquals((await prune(room)).changed, false);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "pruneStore() frees what a profile used of an image that is gone, once that profile is",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const version = ownVersion();
    const old = await room.image(version);
    const last = await room.image("2.8.1");
    await room.carry(old);
    await room.carry(last);
    const nix = (await validWithNix(room.nix.uri)).find((path) => path.endsWith(`-${version}`))!;
    const own = join(room.nix.state, "profiles", "own");
    const use = () => Deno.symlink(nix, own);
    const isThere = async () => (await validWithNix(room.nix.uri)).includes(nix);
    const outcome = async () => {
      const { changed, dropped, paths } = await prune(room);
      return [changed, dropped.length, paths, await isThere()];
    };
    await use();
    assertEquals(await outcome(), [true, 1, 0, true]);
    assertEquals(await outcome(), [false, 0, 0, true]);
    // A run that ends before Nix's database is changed loses nothing either.
    await Deno.remove(own);
    const plan = await planNixPrune(room.nix, 0);
    const schema = join(room.nix.databaseFolder, "schema");
    await Deno.writeTextFile(schema, "11");
    const never = new AbortController().signal;
    await assertRejects(() => pruneNixFolder(room.nix, plan, () => {}, never), KedgeError, "newer");
    await Deno.writeTextFile(schema, "10");
    assertEquals(await outcome(), [true, 0, 1, false]);
    assertEquals(await outcome(), [false, 0, 0, false]);
    await verifyWithNix(room.nix.uri);

    // An image that has it again has it as before.
    await room.carry(old);
    await room.carry(last);
    await use();
    await prune(room);
    await room.carry(old);
    await Deno.remove(own);
    assertEquals((await outcome()).slice(2), [1, true]);
    await room.carry(last);
    assertEquals(await outcome(), [true, 1, 1, false]);
    await verifyWithNix(room.nix.uri);
  },
);
