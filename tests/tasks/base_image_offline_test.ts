/** What baseImage() makes of a copy where no registry may be asked. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../lib/base/errors.ts";
import { baseImage } from "../../tasks/base_image.ts";
import { podmanTest } from "../support/carry_podman.ts";
import { carryPrograms, CarryRoom } from "../support/carry_room.ts";
import { realTest } from "../support/real.ts";

realTest("baseImage() finds a copy in a layout without a network", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await room.image("2.8.0");
  const { repository, context } = room;
  const find = async (to: string, offline: boolean) =>
    await baseImage({ nixVersion: "2.8.0", repository, to }, { ...context, offline });
  const to = `oci:${join(room.folder, "layout")}:nix`;
  const hint = "leave out --offline, or name layouts only";
  for (const place of [to, `docker://${room.registry.host}/nixos/nix:2.8.0`]) {
    const error = await assertRejects(() => find(place, true), UsageError);
    assertEquals(error.hint, hint);
  }
  const { copy } = await find(to, false);
  await room.registry.stop();
  const found = await find(to, true);
  assertEquals([found.copy, found.changed, found.requests], [copy, false, 0]);
  assertStringIncludes(found.why, `${to} points to it already`);
  assertEquals((await room.carry(found, {}, { offline: true })).pathsMoved, 3);
  // Another image has the name.
  const layout = `oci:${join(room.folder, "layout")}:other`;
  await assertRejects(() => find(layout, true), UsageError);
});

podmanTest("baseImage() finds a copy in podman without a network", async (ground) => {
  const { room } = ground;
  await room.image("2.8.0");
  await room.image("2.8.1");
  await assertRejects(() => ground.pull("2.8.0", { offline: true }), UsageError);
  const base = await ground.pull("2.8.0");
  await room.registry.stop();
  const found = await ground.pull("2.8.0", { offline: true });
  assertEquals([found.copy, found.changed, found.requests], [base.copy, false, 0]);
  await assertRejects(() => ground.pull("2.8.1", { offline: true }), UsageError);
});
