/** What only reads tells, as a copy does, why it takes longer. */
import { assertEquals } from "@std/assert";
import { FakeRegistry } from "../support/fake_registry.ts";
import { ImageRoom } from "../support/image_room.ts";
import { writeImage } from "../support/layout.ts";
import { diffImages, inspectImage, listImages } from "../../tasks/image_inspect.ts";

Deno.test("inspectImage(), diffImages() and listImages() tell that they try again", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers: ["a"] });
  const there = `docker://${registry.host}/a`;
  await room.sync(`oci:${room.path("from")}:v1`, `${there}:v1`);
  const ctx = {
    ...room.context,
    report: (event: typeof room.events[number]) => void room.events.push(event),
  };
  const tasks = [
    () => inspectImage({ image: `${there}:v1` }, ctx),
    () => diffImages({ a: `${there}:v1`, b: `oci:${room.path("from")}:v1` }, ctx),
    () => listImages({ place: there }, ctx),
  ];
  for (const run of tasks) {
    room.events.length = 0;
    registry.faults.unavailable = 1;
    await run();
    assertEquals(
      room.notes.map((note) => /the server answered 503; trying again/.test(note)),
      [true],
    );
  }
});
