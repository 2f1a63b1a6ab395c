/** What pruneStore() makes of paths of an image that somebody built, or copied there, before the image came. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { runNix } from "../../../lib/nix/program/nix_command.ts";
import { pruneStore, type PruneStoreResult } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";
import { removeTree } from "../../support/remove_tree.ts";

const prune = (room: CarryRoom): Promise<PruneStoreResult> =>
  pruneStore({ in: { folder: room.nix.path }, keep: 0 }, room.context);

async function runNixHere(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runNix(args);
  assertEquals(code, 0, stderr);
}

/** The names of the valid paths, without their hashes. */
async function names({ nix }: CarryRoom): Promise<string[]> {
  return (await validWithNix(nix.uri)).map((path) => path.replace(/^.{44}/, "")).sort();
}

const other = [{ name: "other" }];

/** Has a shell, and what it needs, copied to a folder by real Nix, before an image that has both, and Nix 2.8.0, is carried there. */
async function builtBefore(room: CarryRoom) {
  const image = await room.image("2.8.0");
  const elsewhere = new NixFolder(join(room.folder, "elsewhere"));
  await room.carry(image, { to: { folder: elsewhere.path } });
  const shell = (await validWithNix(elsewhere.uri)).find((path) => path.endsWith("-shell"))!;
  const copy = () =>
    runNixHere("copy", "--no-check-sigs", "--from", elsewhere.uri, "--to", room.nix.uri, shell);
  await Deno.mkdir(room.nix.path);
  await copy();
  assertEquals(await names(room), ["libc", "shell"]);
  const another = await room.image("2.9.0", await layersOf(await room.store("2.9.0", other)));
  return { image, another, shell };
}

realTest(
  "pruneStore() leaves what was there before the image that has it too",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { image, another } = await builtBefore(room);
    await room.carry(image);
    // With what is there known, and hashed again, it is still the same.
    await room.carry(image, { check: "full" });
    await room.carry(another);
    const done = await prune(room);
    assertEquals([done.dropped.length, done.paths], [1, 1]);
    assertEquals(await names(room), ["libc", "other", "shell"]);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "pruneStore() leaves what was there before an image whose note is lost",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { image, another } = await builtBefore(room);
    await room.carry(image);
    await Deno.remove(room.notePath(image));
    await room.carry(another);
    assertEquals((await prune(room)).paths, 1);
    assertEquals(await names(room), ["libc", "other", "shell"]);
  },
);

realTest(
  "pruneStore() frees with its image what was there before, once a Nix has deleted it and the image brought it again",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { image, another } = await builtBefore(room);
    await room.carry(image);
    for (const below of ["gcroots/kedge", "profiles"]) {
      await removeTree(join(room.nix.state, below));
    }
    await runNixHere("store", "gc", "--store", room.nix.uri);
    assertEquals(await names(room), []);
    await room.carry(image);
    await room.carry(another);
    assertEquals((await prune(room)).paths, 3);
    assertEquals(await names(room), ["other"]);
  },
);

realTest(
  "pruneStore() frees with the last image that has it what another image brought, whose note is lost",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const first = await room.image("2.8.0");
    const second = await room.image("2.8.1");
    const third = await room.image("2.9.0", await layersOf(await room.store("2.9.0", other)));
    await room.carry(first);
    await Deno.remove(room.notePath(first));
    await room.carry(second);
    await room.carry(third);
    await prune(room);
    assertEquals(await names(room), ["other"]);
  },
);
