/** Sources whose bytes, sizes or indexes are wrong. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { blobsOf, putContent, randomBytes, writeImage } from "../../support/layout.ts";
import { ImageRoom } from "../../support/image_room.ts";

const layers = [randomBytes(900_000, 1), randomBytes(10_000, 2), randomBytes(300_000, 3)];
const amd64 = { layers };

Deno.test("syncImage() refuses a wrong blob with 3, and nothing of it stays", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", amd64);
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  registry.faults.wrongBlob = 1;
  const error = await assertRejects(
    () => syncImage({ from: there, to: `oci:${room.path("to")}:v1` }, room.context),
    VerificationError,
    "its bytes have the digest",
  );
  assertEquals([error.exitCode, error.side], [3, "source"]);
  assertEquals(await new Layout(room.path("to")).isThere(), false);
  for (const digest of await blobsOf(room.path("to"))) {
    const bytes = await Deno.readFile(new Layout(room.path("to")).blobPath(digest));
    assertEquals(sha256(bytes), digest);
  }
});

Deno.test("syncImage() never completes a wrong blob at a registry", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const victim = sha256(layers[0]!);
  const path = new Layout(room.path("from")).blobPath(victim);
  const bytes = await Deno.readFile(path);
  bytes[450_000]! ^= 1;
  await Deno.writeFile(path, bytes);
  await assertRejects(
    () =>
      syncImage(
        { from: `oci:${room.path("from")}:v1`, to: `docker://${registry.host}/a:v1` },
        room.context,
      ),
    VerificationError,
  );
  assertEquals(registry.store.blobs.has(victim), false);
  assertEquals(registry.store.repository("a").manifests.has(image.digest), false);
});

Deno.test("syncImage() refuses an index that lies of its children or points to itself", async () => {
  await using room = await ImageRoom.make();
  const from = room.path("from");
  const image = await writeImage(from, undefined, amd64);
  const lying = { schemaVersion: 2, manifests: [{ ...image, size: image.size + 1 }] };
  const point = async (value: unknown) =>
    await new Layout(from).point(
      "v1",
      await putContent(from, JSON.stringify(value), MediaType.ociIndex),
    );
  await point(lying);
  const sync = () =>
    room.sync(`oci:${from}:v1`, `oci:${room.path("to")}:v1`, { allPlatforms: true });
  await assertRejects(sync, VerificationError, `its index says ${image.size + 1}`);
  await point({
    schemaVersion: 2,
    manifests: [{ mediaType: MediaType.ociIndex, digest: sha256("me"), size: 2 }],
  });
  await assertRejects(sync, VerificationError, "the layout has no manifest");
  let nested = image;
  for (let depth = 0; depth < 10; depth++) {
    const text = JSON.stringify({ schemaVersion: 2, manifests: [nested] });
    nested = await putContent(from, text, MediaType.ociIndex);
  }
  await new Layout(from).point("v1", nested);
  await assertRejects(sync, VerificationError, "nested more than 8 deep");
});

Deno.test("syncImage() tells a size that lies from a digest that is wrong", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const from = room.path("from");
  const image = await writeImage(from, undefined, amd64);
  const layer = await putContent(from, "abc", MediaType.ociLayerGzip);
  const config = await putContent(from, "{}", MediaType.ociConfig);
  const told: [string, number, string][] = [
    [`oci:${room.path("to")}:v1`, 2, "not the 2 bytes that its manifest says"],
    [`oci:${room.path("to")}:v1`, 4, "not the 4 bytes that its manifest says"],
    [`docker://${registry.host}/a:v1`, 2, "it has 3 bytes, not 2"],
    [`docker://${registry.host}/a:v1`, 4, "it has 3 bytes, not 4"],
  ];
  for (const [to, size, state] of told) {
    await writeRoot({ schemaVersion: 2, config, layers: [{ ...layer, size }] });
    await assertRejects(() => room.sync(`oci:${from}:v1`, to), VerificationError, state);
    await new Layout(from).point("v1", { ...image, size: image.size + 1 });
    await assertRejects(
      () => room.sync(`oci:${from}:v1`, to),
      VerificationError,
      `its index says ${image.size + 1}`,
    );
  }
  assertEquals(await new Layout(room.path("to")).isThere(), false);
  assertEquals([...registry.store.repository("a").tags], []);

  async function writeRoot(manifest: unknown) {
    const root = await putContent(from, JSON.stringify(manifest), MediaType.ociManifest);
    await new Layout(from).point("v1", root);
  }
});
