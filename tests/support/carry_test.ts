/** Tests with a folder into which a store is carried. @module */
import { assertEquals } from "@std/assert";
import { carryPrograms, CarryRoom } from "./carry_room.ts";
import { validWithNix, verifyWithNix } from "./nix_store_image.ts";
import { realTest } from "./real.ts";

/** A test in a room of its own, which may need more than a carry does. */
export function carryTest(
  name: string,
  run: (room: CarryRoom) => Promise<void>,
  needs: readonly string[] = [],
): void {
  realTest(name, [...carryPrograms, ...needs], async () => {
    await using room = await CarryRoom.make();
    await run(room);
  });
}

/** A room whose folder has the store of Nix 2.8.0, and the state of it that must outlive whatever fails. */
export async function carried(room: CarryRoom): Promise<() => Promise<void>> {
  await room.carry(await room.image("2.8.0"));
  const before = await validWithNix(room.nix.uri);
  return async () => {
    assertEquals(await validWithNix(room.nix.uri), before);
    await verifyWithNix(room.nix.uri);
  };
}
