/** Pins of many tags, of indexes and of lists of referrers. */
import { assertEquals, assertRejects } from "@std/assert";
import { Turns } from "../../../lib/base/turns.ts";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { referrersTag } from "../../../lib/oci/referrers.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { attachSignature, writeImage, writeIndex } from "../../support/layout.ts";
import { PinRoom } from "../../support/pin_room.ts";

Deno.test("syncImages() pins each tag that it finds", async () => {
  await using room = await PinRoom.make();
  const [one, two] = [await room.push("v1", "1"), await room.push("v2", "2")];
  await room.push("latest", "3");
  const found = await room.syncTags("v.*");
  assertEquals(found.images.map(({ digest }) => digest), [one, two]);
  assertEquals(await room.pins(), { v1: one, v2: two });
  const [moved, three] = [await room.push("v2", "another"), await room.push("v3", "4")];
  await assertRejects(() => room.syncTags("v.*", { frozen: true }), UsageError, ":v3");
  assertEquals((await room.syncTags("v[12]", { frozen: true })).changed, false);
  const next = await room.syncTags("v.*");
  assertEquals(next.images.map(({ digest }) => digest), [one, two, three]);
  assertEquals(await room.pins(), { v1: one, v2: two, v3: three });
  await room.syncTags("v.*", { update: ["v2"] });
  assertEquals(await room.pins(), { v1: one, v2: moved, v3: three });
});

Deno.test("syncImages() warns of a tag that is pinned and fits, and that the registry lists no more", async () => {
  await using room = await PinRoom.make();
  const one = await room.push("v1", "1");
  const two = await room.push("v2", "2");
  await room.push("other", "3");
  await room.syncTags(".*");
  const { tags } = room.registry.store.repository("team/vm");
  for (const tag of ["v1", "other"]) tags.delete(tag);
  const gone =
    `${room.repository}:v1 is gone and is left out, and "${room.lockfile}" pins ${one}; ` +
    "have it pushed again, or take it out of the file";
  for (const how of [{}, { frozen: true }, { update: ["v1"] }]) {
    const found = await room.syncTags("v.*", how);
    assertEquals(found.images.map(({ digest }) => digest), [two]);
    // The dry run says it, and the run.
    assertEquals(room.notes.splice(0), [gone, gone]);
  }
  await room.syncTags("v.*", {}, { pin: false });
  assertEquals(room.notes, []);
  // That none is left says so too.
  await assertRejects(() => room.syncTags("v1"), KedgeError, "no tag fits");
  assertEquals(room.notes, [gone]);
});

Deno.test("syncImage() tells of an index that is pinned and lacks a platform how to take a newer one", async () => {
  await using room = await PinRoom.make();
  const made = `${room.folder}/made`;
  const ctx = { cache: new Cache(`${room.folder}/other`) };
  const arm = { os: "linux", architecture: "arm64" };
  const push = async (...images: Parameters<typeof writeIndex>[2]) => {
    await writeIndex(made, "v1", images);
    const from = `oci:${made}:v1`;
    await syncImage({ from, to: `${room.repository}:v1`, allPlatforms: true }, ctx);
  };
  await push({ layers: ["a"] });
  const wanted = { platforms: ["linux/arm64"] };
  const first = await assertRejects(() => room.sync({}, wanted), KedgeError, "for linux/arm64");
  // What is not pinned is what there is.
  assertEquals(first.hint, "it has linux/amd64");
  await room.sync({}, { platforms: ["linux/amd64"] });
  await push({ layers: ["a"] }, { layers: ["b"], platform: arm });
  const error = await assertRejects(() => room.sync({}, wanted), KedgeError, "for linux/arm64");
  assertEquals(
    error.hint,
    `it has linux/amd64; "${room.lockfile}" pins that one, and --update=${room.repository}:v1 takes what there is now`,
  );
  await room.sync({ update: ["v1"] }, wanted);
});

Deno.test("syncImage() leaves an index whole that is pinned and brought to its own place", async () => {
  await using room = await PinRoom.make();
  const made = `${room.folder}/made`;
  const arm = { os: "linux", architecture: "arm64" };
  const index = await writeIndex(made, "v1", [{ layers: ["a"] }, { layers: ["b"], platform: arm }]);
  const [from, to] = [`oci:${made}:v1`, `${room.repository}:v1`];
  await syncImage({ from, to, allPlatforms: true }, { cache: new Cache(`${room.folder}/other`) });
  await room.sync();
  assertEquals(await room.pins(), { v1: index.digest });
  await assertRejects(() => room.sync({}, { to }), UsageError, "would lose all images but one");
  assertEquals((await room.sync({}, { to, allPlatforms: true })).changed, false);
});

Deno.test("syncImages() copies a list of referrers whole that is pinned", async () => {
  await using room = await PinRoom.make();
  const from = new Layout(`${room.folder}/signed`);
  const image = await writeImage(from.folder, "v1", { layers: ["x"] });
  const signature = await attachSignature(from, image);
  await syncImages(
    { images: [{ from: `oci:${from.folder}`, to: room.repository, tags: ".*" }] },
    { cache: new Cache(`${room.folder}/other`) },
  );
  const tag = referrersTag(image.digest);
  for (const _each of ["first use", "pinned"]) {
    await room.syncTags(".*");
    assertEquals(Object.keys(await room.pins()).sort(), [tag, "v1"]);
    assertEquals(await new Layout(`${room.folder}/to`).has(signature), true);
    await Deno.remove(`${room.folder}/to`, { recursive: true });
  }
});

Deno.test("syncImages() pins nothing where a tag moved between two looks at it", async () => {
  await using room = await PinRoom.make();
  const [first, second] = [await room.push("v1", "1"), await room.push("v2", "2")];
  const { tags } = room.registry.store.repository("team/vm");
  const turns = new Turns();
  await using moving = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      turns.take("the tag", async () => {
        const { pathname } = new URL(request.url);
        const { method, headers } = request;
        const answer = await fetch(`${room.registry.url}${pathname}`, { method, headers });
        if (pathname.endsWith("/manifests/v1")) tags.set("v1", second);
        return answer;
      }),
  );
  const from = `docker://127.0.0.1:${moving.addr.port}/team/vm:v1`;
  const images = ["a", "b"].map((tag) => ({ from, to: `oci:${room.folder}/to:${tag}` }));
  await assertRejects(
    () => syncImages({ images, pin: true }, room.context()),
    KedgeError,
    `it moved from ${first} to ${second} while it was looked at`,
  );
  await assertRejects(() => Deno.stat(room.lockfile), Deno.errors.NotFound);
  await assertRejects(() => Deno.stat(`${room.folder}/to`), Deno.errors.NotFound);
});

Deno.test("syncImage() says nothing of a tag that is pinned where it is stopped while it looks at it", async () => {
  await using room = await PinRoom.make();
  await room.push("v1", "old");
  const stopping = new AbortController();
  let stops = false;
  await using registry = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ url, method, headers }) => {
      if (stops) stopping.abort(new Error("enough"));
      return await fetch(`${room.registry.url}${new URL(url).pathname}`, { method, headers });
    },
  );
  const from = `docker://127.0.0.1:${registry.addr.port}/team/vm:v1`;
  const options = { from, to: `oci:${room.folder}/to:v1`, pin: true };
  await syncImage(options, room.context());
  stops = true;
  const context = { ...room.context(), dryRun: true, signal: stopping.signal };
  await assertRejects(() => syncImage(options, context), Error, "enough");
  assertEquals(room.notes, []);
});
