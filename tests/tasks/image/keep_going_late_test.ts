/** A list of which one image fails late: while its copy is checked, or as its name is moved. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import type { Phase } from "../../../lib/operation/event.ts";
import { type ImageToSync, syncImages } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

async function tagsIn(folder: string): Promise<string[]> {
  return (await new Layout(folder).entries()).flatMap((entry) => nameOf(entry) ?? []).sort();
}

/** Syncs three images to layouts, with something going wrong once as a phase begins; gives what is thrown. */
async function failing(
  room: ImageRoom,
  phase: Phase,
  happens: () => void,
  to: (tag: string) => string = () => room.path("to"),
): Promise<AggregateError> {
  for (const tag of ["v1", "v2", "v3"]) {
    await writeImage(room.path("from"), tag, { layers: [`layer of ${tag}`] });
  }
  const images = ["v1", "v2", "v3"].map((tag) => ({
    from: `oci:${room.path("from")}:${tag}`,
    to: `oci:${to(tag)}:${tag}`,
  }));
  let isOver = false;
  const report = (event: OperationEvent) => {
    if (isOver || event.type !== "phase-start" || event.phase !== phase) return;
    isOver = true;
    happens();
  };
  return await assertRejects(
    () => syncImages({ images, keepGoing: true }, { ...room.context, report }),
    AggregateError,
  );
}

for (const phase of ["verify", "commit"] as const) {
  Deno.test(`syncImages() goes on without an image of which a blob is gone before the ${phase}, with keepGoing`, async () => {
    await using room = await ImageRoom.make();
    const blob = () => new Layout(room.path("to")).blobPath(sha256("layer of v2"));
    const error = await failing(room, phase, () => Deno.removeSync(blob()));
    assertEquals(error.message, "Cannot sync 1 of 3 images");
    assertStringIncludes(error.errors[0].message, "is gone from it");
    assertStringIncludes(error.errors[0].message, ":v2");
    assertEquals(await tagsIn(room.path("to")), ["v1", "v3"]);
  });
}

Deno.test("syncImages() goes on without a layout whose index cannot be read any more, with keepGoing", async () => {
  await using room = await ImageRoom.make();
  const to = (tag: string) => room.path(tag === "v2" ? "broken" : "to");
  const happens = () => Deno.writeTextFileSync(join(room.path("broken"), "index.json"), "{");
  const error = await failing(room, "commit", happens, to);
  assertEquals(error.message, "Cannot sync 1 of 3 images");
  assertStringIncludes(error.errors[0].message, room.path("broken"));
  assertEquals(await tagsIn(room.path("to")), ["v1", "v3"]);
});

realTest(
  "syncImages() goes on without an image of which the registry keeps damaged bytes, with keepGoing",
  ["docker-registry"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = await startRegistry();
    const images: ImageToSync[] = [];
    for (const tag of ["v1", "v2", "v3"]) {
      await writeImage(room.path("from"), tag, { layers: [`layer of ${tag}`] });
      images.push({
        from: `oci:${room.path("from")}:${tag}`,
        to: `docker://${registry.host}/${tag}:new`,
      });
    }
    await syncImages(
      { images: [{ ...images[1]!, to: `docker://${registry.host}/v2:old` }] },
      room.context,
    );
    const hex = digestHex(sha256("layer of v2"));
    await Deno.writeTextFile(
      `${registry.folder}/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`,
      "LAYER of v2",
    );
    const error = await assertRejects(
      () => syncImages({ images, keepGoing: true, verifyExisting: true }, room.context),
      AggregateError,
      "Cannot sync 1 of 3 images",
    );
    assertStringIncludes(error.errors[0].message, "keeps damaged bytes");
    const there = (tag: string) =>
      syncImages({
        images: [{
          from: `docker://${registry.host}/${tag}:new`,
          to: `oci:${room.path("back")}:${tag}`,
        }],
      }, room.context);
    for (const tag of ["v1", "v3"]) assert((await there(tag)).changed);
    await assertRejects(() => there("v2"), Error, "no such tag");
  },
);

Deno.test("syncImages() tells each destination that was named by another digest than its image has, with keepGoing", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  for (const tag of ["v1", "v2", "v3"]) {
    await writeImage(room.path("from"), tag, { layers: [`layer of ${tag}`] });
  }
  const wrong = `@sha256:${"0".repeat(64)}`;
  const images = ["v1", "v2", "v3"].map((tag) => ({
    from: `oci:${room.path("from")}:${tag}`,
    to: `docker://${registry.host}/${tag}${tag === "v2" ? "" : wrong}`,
  }));
  let plans = 0;
  const report = (event: OperationEvent) => {
    if (event.type === "operation-start") plans++;
  };
  await assertRejects(
    () => syncImages({ images, keepGoing: true }, { ...room.context, report }),
    AggregateError,
    "Cannot sync 2 of 3 images",
  );
  // Both are found by one look at the list.
  assertEquals(plans, 2);
});

Deno.test("syncImages() throws earlier failures along with one that ends the list, with keepGoing", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const { host } = registry;
  await writeImage(room.path("from"), "v1", { layers: ["1"] });
  const images = [
    { from: `docker://${host}/none`, tags: ".*", to: `oci:${room.path("to")}` },
    { from: `oci:${room.path("from")}:v1`, to: `oci:${room.path("to")}:v1` },
  ];
  const isEnd = (event: OperationEvent) => event.type === "phase-start" && event.phase === "move";
  const report = (event: OperationEvent) => {
    if (isEnd(event)) throw new TypeError("the screen is gone");
  };
  const error = await assertRejects(
    () => syncImages({ images, keepGoing: true }, { ...room.context, report }),
    AggregateError,
    "Cannot sync 2 of 2 images",
  );
  assertEquals(error.errors.map(({ message }) => message).slice(1), ["the screen is gone"]);
  assertStringIncludes(error.errors[0].message, `${host}/none`);
});

Deno.test("syncImages() counts the requests of a list of tags once, however many images fail, with keepGoing", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  for (const tag of ["v1", "v2"]) {
    await writeImage(room.path("made"), tag, { layers: [`layer of ${tag}`] });
    await room.sync(`oci:${room.path("made")}:${tag}`, `docker://${registry.host}/a:${tag}`);
  }
  registry.store.blobs.delete(sha256("layer of v2"));
  const ends: number[] = [];
  let asked = 0;
  const report = (event: OperationEvent) => {
    if (event.type === "operation-start") asked = registry.requests.length;
    if (event.type === "operation-end" && event.ok) {
      ends.push(event.figures.requests - (registry.requests.length - asked));
    }
  };
  const images = [{
    from: `docker://${registry.host}/a`,
    tags: "v.",
    to: `oci:${room.path("to")}`,
  }];
  await assertRejects(
    () => syncImages({ images, keepGoing: true }, { ...room.context, report }),
    AggregateError,
    "Cannot sync 1 of 2 images",
  );
  assertEquals(ends, [0]);
});
