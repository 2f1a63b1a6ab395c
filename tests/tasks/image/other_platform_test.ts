/** An image that is in no index, where a platform is asked for: it is taken, and who asked is told where it is for another one. */
import { assertEquals } from "@std/assert";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { putContent, writeImage } from "../../support/layout.ts";

const arm = { os: "linux", architecture: "arm64", variant: "v8" };

/** What is noted of platforms where an image is copied from a layout, and from a registry. */
async function notesOf(platforms: string[], extra: Record<string, unknown> = {}) {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const from = `oci:${room.path("from")}:v1`;
  await writeImage(room.path("from"), "v1", { layers: ["x"], platform: arm, extra });
  await room.sync(from, `docker://${registry.host}/a:v1`, { platforms });
  const first = room.notes.length;
  await room.sync(`docker://${registry.host}/a:v1`, `oci:${room.path("to")}:v1`, { platforms });
  const notes = room.notes.slice(first).filter((note) => note.includes("linux/"));
  return notes.map((note) => note.replaceAll(registry.host, "HOST"));
}

const note =
  "docker://HOST/a:v1 is for linux/arm64/v8 alone, not for linux/amd64; it is taken as it is";

Deno.test("syncImage() says of a single image that it is for another platform than was asked for", async () => {
  // The dry run says it as the run does.
  assertEquals(await notesOf(["linux/amd64"]), [note, note]);
});

Deno.test("syncImage() says nothing of the platform of a single image that fits, or where none was asked for", async () => {
  for (const platforms of [["linux/arm64"], ["linux/amd64", "linux/arm64/v8"], []]) {
    assertEquals(await notesOf(platforms), []);
  }
});

Deno.test("syncImage() asks nothing about the platform of a single image that stands, nor of what is not an image", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const folder = room.path("from");
  await writeImage(folder, "v1", { layers: ["x"], platform: arm });
  const config = await putContent(folder, "{}", "application/vnd.oci.empty.v1+json");
  await writeImage(folder, "v2", { layers: ["y"], extra: { config } });
  const there = `docker://${registry.host}/a`;
  for (const tag of ["v1", "v2"]) await room.sync(`oci:${folder}:${tag}`, `${there}:${tag}`);
  const platforms = ["linux/amd64"];
  await room.sync(`${there}:v2`, `oci:${room.path("to")}:v2`, { platforms });
  await room.sync(`${there}:v1`, `oci:${room.path("to")}:v1`);
  const before = room.notes.length;
  registry.requests.length = 0;
  await room.sync(`${there}:v1`, `oci:${room.path("to")}:v1`, { platforms });
  assertEquals([room.notes.slice(before), registry.requests.length <= 2], [[], true]);
});
