/** What the image tasks tell of their work: why it takes longer, and what moves. */
import { assertEquals } from "@std/assert";
import { digestHex } from "../../../lib/base/digest_text.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { diffImages, inspectImage, listImages } from "../../../tasks/image/inspect.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";

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

Deno.test("syncImage() counts one blob as one", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  const { digest } = await writeImage(room.path("from"), "v1", { layers: [] });
  const [from, there] = [`oci:${room.path("from")}:v1`, `docker://${registry.host}/a`];
  const short = `sha256:${digestHex(digest).slice(0, 12)}`;
  const config = JSON.parse(
    await Deno.readTextFile(new Layout(room.path("from")).blobPath(digest)),
  ).config as Descriptor;
  const lacks = `the destination lacks 1 of 1 blob of ${short} (${config.size} B)`;
  assertEquals((await room.sync(from, `${there}:1`)).why, lacks);
  assertEquals(
    (await room.sync(from, `${there}:2`)).why,
    `the one blob of ${short} is there, and ${there}:2 does not point to it yet`,
  );
  assertEquals(
    (await room.sync(`${there}:1`, `oci:${room.path("to")}:v1`)).why,
    `${lacks}; it is on this machine`,
  );
});
