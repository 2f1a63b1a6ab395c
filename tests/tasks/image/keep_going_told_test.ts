/** What a list of images tells of those that fail: each once, with what to do about it. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { syncImages } from "../../../tasks/image/list.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";

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

Deno.test("syncImages() tells with each image that fails what to do about it, with keepGoing", async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.path("made"), "v1", { layers: ["a layer"] });
  const program = room.path("tasks.ts");
  const images = ["v1", "v2", "v3"].map((tag) => ({
    from: `oci:${room.path(tag === "v3" ? "none" : "made")}:${tag}`,
    to: `oci:${room.path("to")}:${tag}`,
  }));
  await Deno.writeTextFile(
    program,
    `import { main, syncImages, task } from ${
      JSON.stringify(import.meta.resolve("../../../mod.ts"))
    };
const images = ${JSON.stringify(images)};
await main([task({
  name: "images",
  description: "Sync all",
  run: (ctx) => syncImages({ images, keepGoing: true }, ctx),
})]);`,
  );
  const options = { cacheDir: room.path("cache"), program };
  const missing = `Cannot find "${images[1]!.from}": the layout has no such tag`;
  const near = "the nearest tags are v1";
  const { code, stderr } = await runKedge(["images"], options);
  assertEquals(code, 1, stderr);
  assertStringIncludes(
    stderr,
    `[images] warning: ${missing}; going on without it\n[images] hint: ${near}\n`,
  );
  const end = stderr.slice(stderr.indexOf("error: Cannot sync 2 of 3 images"));
  assertStringIncludes(end, `caused by: ${missing}\nhint: ${near}\n`);
  const quiet = await runKedge(["images", "--quiet"], options);
  assertStringIncludes(quiet.stderr, `caused by: ${missing}\nhint: ${near}\n`);
});
