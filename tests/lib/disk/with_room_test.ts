import { assertEquals, assertRejects } from "@std/assert";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { withRoom } from "../../../lib/disk/with_room.ts";

Deno.test("withRoom() names the place that is full, and lets every other outcome pass", async () => {
  assertEquals(await withRoom("vm.img", "", () => Promise.resolve(7)), 7);
  const error = await assertRejects(
    () => withRoom("vm.img", "make room", () => Deno.writeTextFile("/dev/full", "x")),
    NoRoomError,
    'Cannot write to "vm.img": no room is left',
  );
  assertEquals(error.hint, "make room");
  await assertRejects(
    () => withRoom("vm.img", "", () => Deno.readTextFile("/none/at/all").then(() => undefined)),
    Deno.errors.NotFound,
  );
});
