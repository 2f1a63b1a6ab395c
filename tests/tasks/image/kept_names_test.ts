/** What is asked of each side where nothing changed. */
import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { formatPlatform, machinePlatform } from "../../../lib/oci/platform.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { fakeDocker } from "../../support/fake_docker.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { imageKinds, writeKind } from "../../support/index_room.ts";
import { files } from "../../support/engine_sync.ts";
import { writeRunnableImage } from "../../support/runnable_image.ts";
import { putContent } from "../../support/layout.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";

const machine = formatPlatform(machinePlatform());
const choices = {
  "": {},
  " of which a platform is named": { platforms: [machine] },
  " of which all platforms are wanted": { allPlatforms: true },
};

/** What is asked from now on: the method and the status of each request, in one line for each. */
function asked(...registries: FakeRegistry[]): () => string[][] {
  const starts = registries.map(({ requests }) => requests.length);
  return () =>
    registries.map(({ requests }, at) =>
      requests.slice(starts[at]).map(({ method, status }) => `${method} ${status}`)
    );
}

const twice = (line: string) => [line, line];

for (const kind of imageKinds) {
  for (const [how, options] of Object.entries(choices)) {
    Deno.test(`syncImage() asks each side once of an unchanged ${kind}${how}`, async () => {
      await using room = await ImageRoom.make({ oneMachine: true });
      await using a = new FakeRegistry();
      await using b = new FakeRegistry();
      const from = `docker://${a.host}/a:v1`;
      const toRegistry = `docker://${b.host}/b:v1`;
      const toLayout = `oci:${room.path("to")}:v1`;
      const isNamed = "platforms" in options;
      const bring = async (layer: string) => {
        await writeKind(room.path("from"), "v1", kind, layer);
        await room.sync(`oci:${room.path("from")}:v1`, from, { allPlatforms: true });
        for (const to of [toRegistry, toLayout]) {
          assertEquals((await room.sync(from, to, options)).changed, true);
        }
      };
      const unchanged = async (from: string, to: string, requests: number) => {
        const since = asked(a, b);
        const again = await room.sync(from, to, options);
        assertEquals([again.changed, again.requests], [false, requests]);
        reused.add(`${from} ${to} ${again.bytesReused}`);
        return since();
      };
      const reused = new Set<string>();
      // The dry run asks what the run asks.
      for (const layer of ["one", "two"]) {
        reused.clear();
        await bring(layer);
        for (let run = 0; run < 2; run++) {
          const byHead = isNamed ? "GET 304" : "HEAD 200";
          assertEquals(await unchanged(from, toRegistry, 2), [twice(byHead), twice("HEAD 200")]);
          assertEquals(await unchanged(from, toLayout, 1), [twice("GET 304"), []]);
          const local = `oci:${room.path("from")}:v1`;
          assertEquals(await unchanged(local, toRegistry, 1), [[], twice("HEAD 200")]);
        }
        // What is counted as reused does not hang on what is kept.
        assertEquals(reused.size, 3);
      }
    });
  }
}

for (const [kind, first] of [["image", "GET 304"], ["index", "GET 200"]] as const) {
  Deno.test(`syncImage() asks each side once of an unchanged ${kind} that this machine never saw`, async () => {
    await using room = await ImageRoom.make();
    await using a = new FakeRegistry();
    await using b = new FakeRegistry();
    const [from, to] = [`docker://${a.host}/a:v1`, `docker://${b.host}/b:v1`];
    await writeKind(room.path("from"), "v1", kind, "one");
    await room.sync(`oci:${room.path("from")}:v1`, from, { allPlatforms: true });
    assertEquals((await room.sync(from, to)).changed, true);
    const since = asked(a, b);
    // A machine of its own.
    assertEquals((await room.sync(from, to)).requests, 2);
    assertEquals(since(), [twice(first), twice("HEAD 200")]);
    // One that saw it so, and no more.
    const figures = [];
    for (const line of [first, "HEAD 200", "HEAD 200"]) {
      const since = asked(a, b);
      figures.push(await syncImage({ from, to }, room.context));
      assertEquals(since(), [[line], ["HEAD 200"]]);
    }
    assertEquals(figures.slice(1), [figures[0]!, figures[0]!]);
  });
}

for (const kind of imageKinds) {
  Deno.test(`syncImage() asks each side once of an unchanged ${kind} that is named by its digest, and says where that is gone`, async () => {
    await using room = await ImageRoom.make({ oneMachine: true });
    await using a = new FakeRegistry();
    await using b = new FakeRegistry();
    const { digest } = await writeKind(room.path("from"), "v1", kind, "one");
    const from = `docker://${a.host}/a@${digest}`;
    const source = `oci:${room.path("from")}:v1`;
    await room.sync(source, `docker://${a.host}/a:v1`, { allPlatforms: true });
    await Deno.remove(room.path("from"), { recursive: true });
    const to = `docker://${b.host}/b:v1`;
    assertEquals((await room.sync(from, to)).changed, true);
    const since = asked(a, b);
    assertEquals((await room.sync(from, to)).changed, false);
    // An image of the digest is what is there, whatever else the registry has.
    assertEquals(since(), [kind === "image" ? [] : twice("GET 200"), twice("HEAD 200")]);
    a.store.repository("a").manifests.delete(digest);
    await assertRejects(
      () => room.sync(from, `oci:${room.path("to")}:v1`),
      KedgeError,
      `Cannot find "${from}"`,
    );
  });
}

Deno.test("syncImage() asks a registry once of an index of which an engine has the image", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  const folder = room.path("from");
  const { root } = await writeRunnableImage(folder, "image", files);
  const manifests = [{ ...root, platform: machinePlatform() }];
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  await new Layout(folder).point("v1", await putContent(folder, text, MediaType.ociIndex));
  const from = `docker://${registry.host}/acme/app:v1`;
  await room.sync(`oci:${folder}:v1`, from, { allPlatforms: true });
  await Deno.remove(folder, { recursive: true });
  const engines = { docker: { program: await fakeDocker(room.folder) } };
  const to = "docker-daemon:acme/app:v1";
  assertEquals((await room.sync(from, to, { engines })).changed, true);
  for (const options of [{ engines }, { engines, platforms: [machine] }]) {
    const since = asked(registry);
    const again = await room.sync(from, to, options);
    assertEquals([again.changed, again.requests, since()], [false, 1, [twice("GET 304")]]);
  }
});

Deno.test("syncImages() asks each side once of each index of an unchanged list, and keeps names once it was found unchanged", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using a = new FakeRegistry();
  await using b = new FakeRegistry();
  const tags = ["v1", "v2"];
  for (const tag of tags) {
    await writeKind(room.path("from"), tag, "index", tag);
    const seeded = `docker://${a.host}/a:${tag}`;
    await room.sync(`oci:${room.path("from")}:${tag}`, seeded, { allPlatforms: true });
  }
  await Deno.remove(room.path("from"), { recursive: true });
  const images = tags.map((tag) => ({
    from: `docker://${a.host}/a:${tag}`,
    to: `docker://${b.host}/b:${tag}`,
  }));
  assertEquals((await syncImages({ images }, room.context)).changed, true);
  for (const line of ["GET 200", "HEAD 200", "HEAD 200"]) {
    const since = asked(a, b);
    const again = await syncImages({ images }, room.context);
    assertEquals([again.changed, again.requests], [false, 4]);
    assertEquals(since(), [twice(line), twice("HEAD 200")]);
  }
});
