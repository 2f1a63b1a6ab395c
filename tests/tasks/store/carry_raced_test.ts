/** What carryStore() does where another run changes the folder between its plan and its work. */
import { assertEquals } from "@std/assert";
import { lockNixFolder } from "../../../lib/nix/folder/lock_nix_folder.ts";
import { planNixPrune, pruneNixFolder } from "../../../lib/nix/folder/prune_nix_folder.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import type { CarryStoreResult } from "../../../tasks/store/store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { realTest } from "../../support/real.ts";

realTest("carryStore() brings again what a prune took while it waited", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  const base = await room.image("2.8.0");
  await room.carry(base);
  await room.carry(await room.image("2.8.1"));
  const waiting = Promise.withResolvers<void>();
  const report = (event: OperationEvent) => {
    if (event.type === "note" && event.message.includes("another run")) waiting.resolve();
  };
  const { signal } = new AbortController();
  let carrying: Promise<CarryStoreResult>;
  {
    const options = { timeoutMs: 1000, onWait() {}, signal, deleting: true };
    using _lock = await lockNixFolder(room.nix, options);
    carrying = room.carry(base, {}, { report });
    await waiting.promise;
    await pruneNixFolder(room.nix, await planNixPrune(room.nix, 0), () => {}, signal);
    assertEquals((await validWithNix(room.nix.uri)).length, 3);
  }
  const { paths, pathsMoved, digest } = await carrying;
  assertEquals([paths, pathsMoved, digest], [3, 1, base.manifestDigest]);
  assertEquals((await validWithNix(room.nix.uri)).length, 4);
  await verifyWithNix(room.nix.uri);
  assertEquals((await room.carry(base)).changed, false);
});
