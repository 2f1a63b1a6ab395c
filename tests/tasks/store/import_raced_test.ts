/** What importStore() does where another run changes the folder between its plan and its work. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { lockNixFolder } from "../../../lib/nix/folder/lock_nix_folder.ts";
import type { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { readLinks } from "../../../lib/nix/folder/nix_links.ts";
import { planNixPrune, pruneNixFolder } from "../../../lib/nix/folder/prune_nix_folder.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { type CopyStoreResult, exportStore, importStore } from "../../../tasks/store/copy_store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { lockOptions } from "../../support/nix_folder.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

/** Starts an import of a path of an older image, and does something to the folder while it waits for the lock. */
async function whileWaiting(
  room: CarryRoom,
  name: string,
  change: (folder: NixFolder) => Promise<unknown>,
): Promise<CopyStoreResult> {
  const from = `file://${join(room.folder, "binary-cache")}`;
  await room.carry(await room.image("2.8.0"));
  await room.carry(await room.image("2.8.1"));
  await exportStore({ from: { folder: room.nix.path }, to: from }, room.context);
  const path = (await validWithNix(room.nix.uri)).find((each) => each.endsWith(`-${name}`))!;
  const waiting = Promise.withResolvers<void>();
  const report = (event: OperationEvent) => {
    if (event.type === "note" && event.message.includes("another run")) waiting.resolve();
  };
  let importing: Promise<CopyStoreResult>;
  {
    using _lock = await lockNixFolder(room.nix, { ...lockOptions, deleting: true });
    importing = importStore({ from, to: { folder: room.nix.path }, paths: [path] }, {
      ...room.context,
      report,
    });
    await waiting.promise;
    await change(room.nix);
  }
  return await importing;
}

async function prune(folder: NixFolder): Promise<void> {
  const { rows } = await planNixPrune(folder, 0);
  assertEquals(rows.length, 1);
  await pruneNixFolder(folder, await planNixPrune(folder, 0), () => {}, lockOptions.signal);
}

realTest(
  "importStore() brings again what a prune took while it waited",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const { paths, pathsMoved, changed, why } = await whileWaiting(room, "nix-2.8.0", prune);
    assertEquals([paths.length, pathsMoved, changed], [3, 1, true]);
    assertStringIncludes(why, "lacks 1 path ");
    assertEquals((await validWithNix(room.nix.uri)).length, 4);
    await verifyWithNix(room.nix.uri);
    const roots = await readLinks(join(room.nix.state, "gcroots", "kedge", "imported"));
    assertEquals(roots.map(({ target }) => target), [paths.at(-1)]);
  },
);
