/** What pruneStore() makes of paths of an image that a Nix deleted, and brought again. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { runNix } from "../../../lib/nix/program/nix_command.ts";
import type { BaseImageResult } from "../../../tasks/base_image/base_image.ts";
import { pruneStore, type PruneStoreResult } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { layersOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";
import { removeTree } from "../../support/remove_tree.ts";

const prune = (room: CarryRoom, keep = 0): Promise<PruneStoreResult> =>
  pruneStore({ in: { folder: room.nix.path }, keep }, room.context);

/** Runs a command of this machine's Nix. */
async function runNixHere(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runNix(args);
  assertEquals(code, 0, stderr);
}

/** An image whose paths became valid so many seconds after 1970. */
async function imageOf(room: CarryRoom, tag: string, seconds: number): Promise<BaseImageResult> {
  const store = await room.store(tag);
  {
    using database = new DatabaseSync(join(store.root, "nix/var/nix/db/db.sqlite"));
    database.prepare("UPDATE ValidPaths SET registrationTime = ?").run(seconds);
  }
  return await room.image(tag, await layersOf(store));
}

/** Has real Nix delete a path of an image, whose roots hold it no more. */
async function deleteWithNix(room: CarryRoom, image: BaseImageResult, path: string) {
  const roots = join(room.nix.state, "gcroots", "kedge", digestHex(image.manifestDigest));
  await removeTree(roots);
  await runNixHere("store", "delete", "--store", room.nix.uri, path);
  assertEquals((await validWithNix(room.nix.uri)).includes(path), false);
}

realTest(
  "pruneStore() leaves a path of an image that is gone which a Nix brought again after it had deleted it",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const old = await room.image("2.8.0");
    await room.carry(old);
    await room.carry(await room.image("2.8.1"));
    const all = () => validWithNix(room.nix.uri);
    const nix = (await all()).find((path) => path.endsWith("-2.8.0"))!;
    const own = join(room.nix.state, "profiles", "own");
    await Deno.symlink(nix, own);
    {
      // It came long ago, and not in this second.
      using database = new DatabaseSync(join(room.nix.databaseFolder, "db.sqlite"));
      database.prepare("UPDATE ValidPaths SET registrationTime = 77 WHERE path = ?").run(nix);
    }
    assertEquals((await prune(room)).dropped.length, 1);
    const cache = `file://${join(room.nix.path, "..", "cache")}`;
    const before = await all();
    await runNixHere("copy", "--from", room.nix.uri, "--to", cache, nix);
    await Deno.remove(own);
    await runNixHere("store", "delete", "--store", room.nix.uri, nix);
    assertEquals((await all()).includes(nix), false);
    await runNixHere("copy", "--no-check-sigs", "--from", cache, "--to", room.nix.uri, nix);
    assertEquals((await prune(room)).paths, 0);
    assertEquals(await all(), before);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "pruneStore() leaves a path of an image that it lets go of which a Nix brought again after it had deleted it",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const old = await imageOf(room, "2.8.0", 77);
    await room.carry(old);
    await room.carry(await room.image("2.8.1"));
    const all = () => validWithNix(room.nix.uri);
    const before = await all();
    const nix = before.find((path) => path.endsWith("-2.8.0"))!;
    const cache = `file://${join(room.folder, "binary-cache")}`;
    await runNixHere("copy", "--from", room.nix.uri, "--to", cache, nix);
    await deleteWithNix(room, old, nix);
    await runNixHere("copy", "--no-check-sigs", "--from", cache, "--to", room.nix.uri, nix);
    const done = await prune(room);
    assertEquals([done.dropped.length, done.paths], [1, 0]);
    assertEquals(await all(), before);
    await verifyWithNix(room.nix.uri);
  },
);

realTest(
  "pruneStore() frees a path with the last image that has it, though another one brought it again",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const [first, second] = [await imageOf(room, "2.8.0", 77), await imageOf(room, "2.8.1", 78)];
    const other = await layersOf(await room.store("2.9.0", [{ name: "other" }]));
    for (const image of [first, second]) await room.carry(image);
    for (const below of ["gcroots/kedge", "profiles"]) {
      await removeTree(join(room.nix.state, below));
    }
    await runNixHere("store", "gc", "--store", room.nix.uri);
    assertEquals(await validWithNix(room.nix.uri), []);
    await room.carry(second);
    await room.carry(await room.image("2.9.0", other));
    const note = JSON.parse(await Deno.readTextFile(room.notePath(first)));
    await Deno.writeTextFile(
      room.notePath(first),
      JSON.stringify({ ...note, usedMs: Date.now() + 1_000_000 }),
    );
    const names = (paths: string[]) => paths.map((path) => path.replace(/^.{44}/, "")).sort();
    assertEquals((await prune(room, 1)).dropped.map((each) => each.nixVersion), ["2.8.1"]);
    assertEquals(names(await validWithNix(room.nix.uri)), ["libc", "other", "shell"]);
    assertEquals((await prune(room)).dropped.map((each) => each.nixVersion), ["2.8.0"]);
    assertEquals(names(await validWithNix(room.nix.uri)), ["other"]);
    await verifyWithNix(room.nix.uri);
  },
);
