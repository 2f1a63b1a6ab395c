/** An image is brought into podman, or refused. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { syncImage, type SyncImageOptions } from "../../../tasks/image/image.ts";
import { FarPodman, farPrograms } from "../../support/far_podman.ts";
import { fakeDocker } from "../../support/fake_docker.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { PodmanWorld } from "../../support/podman.ts";
import { realTest } from "../../support/real.ts";
import { writeRunnableImage } from "../../support/runnable_image.ts";
import { files, sizeOf, sync } from "../../support/engine_sync.ts";

realTest(
  "syncImage() brings an image into podman, and the second time only the layer that changed",
  [
    "podman",
    "runc",
  ],
  async () => {
    await using room = await ImageRoom.make();
    await using world = await PodmanWorld.make();
    await using registry = new FakeRegistry();
    const engines = { podman: { args: world.args } };
    const image = await writeRunnableImage(room.path("from"), "v1", files);
    const from = `docker://${registry.host}/acme/app:v1`;
    await room.sync(`oci:${room.path("from")}:v1`, from);
    const to = "podman:acme.dev/app:v1";
    const planned = await sync(room, { from, to, engines }, true);
    const first = await sync(room, { from, to, engines });
    assertEquals(first.reference, `${to}@${image.root.digest}`);
    assertEquals([first.bytesMoved, first.bytesReused], [planned.bytesMoved, 0]);
    assertEquals(first.bytesMoved, sizeOf(image.root, image.config, ...image.layers));
    const ask = (...args: string[]) => world.engine.must(args, "ask");
    const id = (await ask("image", "inspect", "--format={{.Id}}", "acme.dev/app:v1")).trim();
    assertEquals(`sha256:${id}`, image.config.digest);
    assertEquals((await ask("images", "--format={{.Repository}}")).trim(), "acme.dev/app");

    const again = await sync(room, { from, to, engines });
    assertEquals([again.changed, again.bytesMoved], [false, 0]);

    const changed = [...files.slice(0, 2), { name: "top", bytes: randomBytes(100_000, 4) }];
    const next = await writeRunnableImage(room.path("from"), "v1", changed);
    await room.sync(`oci:${room.path("from")}:v1`, from);
    const before = registry.sentBytes;
    const result = await sync(room, { from, to, engines });
    assertEquals(result.bytesMoved, sizeOf(next.root, next.config, next.layers[2]!));
    assertEquals(result.bytesReused, sizeOf(next.layers[0]!, next.layers[1]!));
    assertEquals(registry.sentBytes - before, sizeOf(next.config, next.layers[2]!));
    const now = (await ask("image", "inspect", "--format={{.Id}}", "acme.dev/app:v1")).trim();
    assertEquals(`sha256:${now}`, next.config.digest);

    // By another name it is there already, whatever is known of it.
    for (const [tag, cache] of [["v2", room.path("cache")], ["v3", room.path("other")]] as const) {
      const renamed = { from, to: `podman:acme.dev/app:${tag}`, engines };
      const ctx = { cache: new Cache(cache) };
      const bound = await syncImage(renamed, { ...ctx, dryRun: true });
      const sent = registry.sentBytes;
      const other = await syncImage(renamed, ctx);
      assertEquals({ ...bound, dryRun: false }, other);
      assertEquals(other.bytesMoved, next.root.size);
      // What the image is made of is looked at.
      assertEquals(registry.sentBytes - sent, next.config.size);
      const named = await ask("image", "inspect", "--format={{.Id}}", `acme.dev/app:${tag}`);
      assertEquals(named.trim(), now);
      assertEquals((await syncImage(renamed, ctx)).changed, false);
    }
  },
);

realTest("syncImage() names nothing in podman where a blob is wrong, and says which", [
  "podman",
  "runc",
], async () => {
  await using room = await ImageRoom.make();
  await using world = await PodmanWorld.make();
  const image = await writeRunnableImage(room.path("from"), "v1", files);
  const path = new Layout(room.path("from")).blobPath(image.layers[1]!.digest);
  const bytes = await Deno.readFile(path);
  bytes[1000]! ^= 1;
  await Deno.writeFile(path, bytes);
  const engines = { podman: { args: world.args } };
  const from = `oci:${room.path("from")}:v1`;
  await assertRejects(
    () => sync(room, { from, to: "podman:app:v1", engines }),
    VerificationError,
    `Cannot take ${image.layers[1]!.digest}`,
  );
  assertEquals(await world.engine.must(["images", "--quiet"], "ask"), "");
});

realTest(
  "syncImage() says what can be done where podman does not reach this process",
  farPrograms,
  async () => {
    await using room = await ImageRoom.make();
    await using world = await PodmanWorld.make();
    await using far = await FarPodman.start(world);
    await writeRunnableImage(room.path("from"), "v1", files);
    const from = `oci:${room.path("from")}:v1`;
    const to = "podman:acme.dev/app:v1";
    const error = await assertRejects(
      () => sync(room, { from, to, engines: { podman: { args: far.args } } }),
      KedgeError,
      "Cannot let podman fetch the image",
    );
    assertStringIncludes(error.hint ?? "", "bring the image to a registry");
    assertEquals([error.side, error.data["reached"]], ["destination", false]);
  },
);

Deno.test("syncImage() refuses what an engine cannot take", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("docker");
  await Deno.mkdir(folder);
  const engines = { docker: { program: await fakeDocker(folder) } };
  await writeRunnableImage(room.path("from"), "v1", files);
  await writeImage(room.path("from"), "artifact", {
    layers: ["text"],
    extra: { artifactType: "application/vnd.acme.note" },
  });
  const from = `oci:${room.path("from")}:v1`;
  const cases: [Partial<SyncImageOptions>, string][] = [
    [{ allPlatforms: true }, "takes one platform"],
    [{ platforms: ["linux/amd64", "linux/arm64"] }, "takes one platform"],
    [{ referrers: true }, "takes no referrers"],
    [{ verifyExisting: true }, "keeps no blobs"],
    [{ to: "docker-daemon:App" }, '"App" is not a name for an image'],
    [{ to: "docker-daemon:app:-" }, '"-" is not a tag'],
    [{ to: `podman:app@sha256:${"0".repeat(64)}` }, "not by a digest"],
    [{ from: "podman:app" }, "begins with neither"],
  ];
  for (const [options, message] of cases) {
    const run = () => sync(room, { from, to: "docker-daemon:app", engines, ...options });
    const error = await assertRejects(run, UsageError);
    assertStringIncludes(error.message, message);
  }
  const missing = { docker: { program: join(folder, "not-there") } };
  await assertRejects(
    () => sync(room, { from, to: "docker-daemon:app", engines: missing }),
    UsageError,
    "is not installed",
  );
  const config = await new Layout(room.path("from")).find("artifact");
  assert(config !== undefined);
  await Deno.remove(new Layout(room.path("from")).blobPath(
    (await new Layout(room.path("from")).manifest(config.digest))!.blobs[0]!.digest,
  ));
  await assertRejects(
    () => sync(room, { from: `oci:${room.path("from")}:artifact`, to: "docker-daemon:a", engines }),
    KedgeError,
    "has no blob",
  );
});
