/** A source that fails is told once, however many destinations it has. */
import { assertEquals, assertRejects } from "@std/assert";
import { syncImages } from "../../../tasks/image/list.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";

Deno.test("syncImages() tells once of a source that is not there, whatever the destinations, with keepGoing", async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.path("made"), "v1", { layers: ["a layer"] });
  const images = ["v1", "none"].map((tag) => ({
    from: `oci:${room.path("made")}:${tag}`,
    to: ["a", "b", "c"].map((name) => `oci:${room.path(name)}:${tag}`),
  }));
  const notes: string[] = [];
  const report = (event: { type: string; message?: string }) => {
    if (event.type === "note") notes.push(event.message!);
  };
  const run = () => syncImages({ images, keepGoing: true }, { ...room.context, report });
  const error = await assertRejects(run, AggregateError, "Cannot sync 3 of 6 images");
  const said = `Cannot find "oci:${room.path("made")}:none": the layout has no such tag`;
  assertEquals(notes.filter((note) => note.includes("none")), [`${said}; going on without it`]);
  assertEquals(error.errors.length, 3);
});
