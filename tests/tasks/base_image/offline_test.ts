/** What baseImage() makes of a copy where no registry may be asked. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UnreachableError, UsageError } from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { podmanTest } from "../../support/carry_podman.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { realTest } from "../../support/real.ts";

/** What is not there is named, and why it is not brought. */
async function missing(find: () => Promise<unknown>, state: string): Promise<void> {
  const { message, hint } = await assertRejects(find, UnreachableError);
  assertStringIncludes(message, `to ${state}, and no registry may be asked`);
  assertEquals(hint, "run once without --offline");
}

realTest("baseImage() finds a copy in a layout without a network", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await room.image("2.8.0");
  const { repository, context } = room;
  const find = async (to: string, offline: boolean) =>
    await baseImage({ nixVersion: "2.8.0", repository, to }, { ...context, offline });
  const to = `oci:${join(room.folder, "layout")}:nix`;
  await assertRejects(
    () => find(`docker://${room.registry.host}/nixos/nix:2.8.0`, true),
    UsageError,
  );
  await missing(() => find(to, true), `"${to}": nothing has that name`);
  assertEquals(await folderNames(join(room.folder, "layout")), []);
  const { copy } = await find(to, false);
  await room.registry.stop();
  const found = await find(to, true);
  assertEquals([found.copy, found.changed, found.requests], [copy, false, 0]);
  assertEquals([found.bytesMoved, found.bytesReused], [0, found.size]);
  assertStringIncludes(found.why, `${to} points to it already`);
  assertEquals((await room.carry(found, {}, { offline: true })).pathsMoved, 3);
  const layout = `oci:${join(room.folder, "layout")}:other`;
  await missing(() => find(layout, true), `"${layout}": nothing has that name`);
});

podmanTest("baseImage() finds a copy in podman without a network", async (ground) => {
  const { room } = ground;
  await room.image("2.8.0");
  await room.image("2.8.1");
  const offline = (version: string) => ground.pull(version, { offline: true });
  await missing(() => offline("2.8.0"), `"podman:nix": nothing has that name`);
  const base = await ground.pull("2.8.0");
  await room.registry.stop();
  const found = await offline("2.8.0");
  assertEquals([found.copy, found.changed, found.requests], [base.copy, false, 0]);
  await missing(() => offline("2.8.1"), `"podman:nix": it is ${base.configDigest}`);
});

podmanTest("baseImage() asks no registry for a copy that podman has already", async (ground) => {
  const { room } = ground;
  await room.image("2.8.0");
  const base = await ground.pull("2.8.0");
  await room.registry.stop();
  const again = await ground.pull("2.8.0");
  assertEquals([again.copy, again.changed, again.requests], [base.copy, false, 0]);
  assertEquals([again.bytesMoved, again.bytesReused], [0, again.size]);
});
