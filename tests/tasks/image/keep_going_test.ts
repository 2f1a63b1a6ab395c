/** A list of which one image fails: the others go where they belong where that is wanted, and each failure is told. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { exitCodeOf, KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { syncImages, type SyncImagesOptions } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";

const shared = randomBytes(400_000);

/** A registry with the tags `v1` to `v4`; of the layer that only `v2` has, the bytes are wrong. */
async function withImages(
  run: (room: ImageRoom, registry: FakeRegistry, from: string) => Promise<void>,
): Promise<void> {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  for (const tag of ["v1", "v2", "v3", "v4"]) {
    await writeImage(room.path("made"), tag, { layers: [shared, `layer of ${tag}`] });
    await room.sync(`oci:${room.path("made")}:${tag}`, `docker://${registry.host}/a:${tag}`);
  }
  for (const [digest, bytes] of registry.store.blobs) {
    if (new TextDecoder().decode(bytes) !== "layer of v2") continue;
    registry.store.blobs.set(digest, new TextEncoder().encode("LAYER OF v2"));
  }
  await run(room, registry, `docker://${registry.host}/a`);
}

async function tagsIn(folder: string): Promise<string[]> {
  return (await new Layout(folder).entries()).flatMap((entry) => nameOf(entry) ?? []).sort();
}

Deno.test("syncImages() brings what does not fail where it belongs, and throws all failures in the end, with keepGoing", () =>
  withImages(async (room, _registry, from) => {
    const to = room.path("to");
    const images = ["v1", "none", "v2", "v3", "gone"].map((tag) => ({
      from: `${from}:${tag}`,
      to: `oci:${to}:${tag}`,
    }));
    const notes: string[] = [];
    const context = {
      ...room.context,
      report: (event: { type: string; message?: string }) => {
        if (event.type === "note") notes.push(event.message!);
      },
    };
    const run = (options: Partial<SyncImagesOptions>) =>
      syncImages({ images, ...options }, context);
    await assertRejects(() => run({}), KedgeError, "no such tag");
    assertEquals([await tagsIn(to), notes], [[], []]);
    const error = await assertRejects(
      () => run({ keepGoing: true }),
      AggregateError,
      "Cannot sync 3 of 5 images",
    );
    assertEquals(await tagsIn(to), ["v1", "v3"]);
    const told = error.errors.map(({ message }) => message);
    assertStringIncludes(told[0], `"${from}:none": the registry has no such tag`);
    assertStringIncludes(told[1], `"${from}:gone": the registry has no such tag`);
    assertStringIncludes(told[2], `from "${from}:v2": its bytes have the digest`);
    assertEquals(notes.filter((note) => note.endsWith("; going on without it")).length, 3);
    // Of several the gravest counts, as of several tasks.
    assertEquals(exitCodeOf(error), 3);
  }));

Deno.test("syncImages() moves again at most what was under way when one failed, and plans without that one, with keepGoing", () =>
  withImages(async (room, registry, from) => {
    registry.sentBytes = 0;
    const images = [{ from, tags: "v[1-4]", to: `oci:${room.path("to")}` }];
    const run = (dryRun: boolean) =>
      syncImages({ images, keepGoing: true }, { ...room.context, dryRun });
    await run(true);
    assertEquals(registry.sentBytes, 0);
    const error = await assertRejects(
      () => run(false),
      AggregateError,
      "Cannot sync 1 of 4 images",
    );
    assertEquals(error.errors.length, 1);
    assertEquals(await tagsIn(room.path("to")), ["v1", "v3", "v4"]);
    // All of the shared layer may have been on its way.
    const most = 2.5 * shared.byteLength;
    assertEquals(registry.sentBytes < most, true, `${registry.sentBytes} bytes`);
  }));

Deno.test("syncImages() leaves out a repository of which no tag can be listed, with keepGoing, and refuses what is malformed", () =>
  withImages(async (room, registry, from) => {
    const to = `oci:${room.path("to")}`;
    const images = [
      { from: `docker://${registry.host}/none`, tags: ".*", to },
      { from: `${from}:v1`, to: `${to}:v1` },
    ];
    await assertRejects(
      () => syncImages({ images, keepGoing: true }, room.context),
      AggregateError,
      "Cannot sync 1 of 2 images",
    );
    assertEquals(await tagsIn(room.path("to")), ["v1"]);
    const wrong = [...images, { from: "nothing", to }];
    await assertRejects(
      () => syncImages({ images: wrong, keepGoing: true }, room.context),
      UsageError,
    );
    await assertRejects(
      () => syncImages({ images: [], keepGoing: true }, room.context),
      UsageError,
    );
  }));

Deno.test("image:sync --tags --keep-going tells each failure, and its exit code is theirs", () =>
  withImages(async (room, _registry, from) => {
    const command = ["image:sync", from, `oci:${room.path("to")}`, "--tags", ".*"];
    const options = { cacheDir: room.path("cache") };
    const stopped = await runKedge(command, options);
    assertEquals([stopped.code, await tagsIn(room.path("to"))], [3, []]);
    const done = await runKedge([...command, "--keep-going"], options);
    assertEquals([done.code, done.stdout], [3, ""]);
    assertStringIncludes(done.stderr, "Cannot sync 1 of 4 images");
    assertStringIncludes(done.stderr, "; going on without it");
    assertEquals(await tagsIn(room.path("to")), ["v1", "v3", "v4"]);
  }));
