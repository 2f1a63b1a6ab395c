/** A proxy that passes on GET alone: what is there is found by that, with as few bytes as it gives. */
import { assertEquals } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { FakeRegistry, type Quirk } from "../../../support/fake_registry.ts";
import { ImageRoom } from "../../../support/image_room.ts";
import { randomBytes, writeImage } from "../../../support/layout.ts";

const content = randomBytes(500_000);

/** What is told of a blob by a registry that takes no HEAD, and what it was asked for that. */
async function headOf(bytes: Uint8Array<ArrayBuffer>, ...quirks: Quirk[]) {
  await using registry = new FakeRegistry({ quirks: ["no-head", ...quirks] });
  registry.store.putBlob("a/b", bytes);
  using host = new RegistryHost({
    host: registry.host,
    credentials: () => Promise.resolve(undefined),
  });
  const client = new RegistryClient(host, "a/b");
  const found = [await client.head(sha256(bytes)), await client.head(sha256("none"))];
  const asked = registry.requests.map(({ method, status, range }) =>
    [method, status, range].filter((each) => each !== null).join(" ")
  );
  return { found, asked, sentBytes: registry.sentBytes };
}

Deno.test("RegistryClient finds a blob by its first byte where HEAD is not allowed, and asks by HEAD once", async () => {
  assertEquals(await headOf(content), {
    found: [{ size: content.byteLength }, undefined],
    asked: ["HEAD 405", "GET 206 bytes=0-0", "GET 404 bytes=0-0"],
    sentBytes: 1,
  });
});

Deno.test("RegistryClient finds a blob without HEAD where ranges are ignored, and where it is empty", async () => {
  const { found } = await headOf(content, "ignore-range");
  assertEquals(found, [{ size: content.byteLength }, undefined]);
  const empty = await headOf(new Uint8Array());
  assertEquals(empty.found, [{ size: 0 }, undefined]);
});

Deno.test("RegistryClient tells of a manifest by GET where HEAD is not allowed", async () => {
  await using registry = new FakeRegistry({ quirks: ["no-head"] });
  const bytes = new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] }),
  );
  const digest = registry.store.putManifest("a/b", { mediaType: MediaType.ociIndex, bytes }, "v1");
  using host = new RegistryHost({
    host: registry.host,
    credentials: () => Promise.resolve(undefined),
  });
  const client = new RegistryClient(host, "a/b");
  const told = { mediaType: MediaType.ociIndex, digest, size: bytes.byteLength };
  assertEquals(await client.headManifest("v1"), told);
  assertEquals(await client.headManifest("v2"), undefined);
  assertEquals(registry.log, [
    "HEAD /v2/a/b/manifests/v1 405",
    "GET /v2/a/b/manifests/v1 200",
    "GET /v2/a/b/manifests/v2 404",
  ]);
});

Deno.test("syncImage() pushes to a registry without HEAD as many requests as it planned, and leaves what it has", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ quirks: ["no-head"] });
  await writeImage(room.path("from"), "v1", { layers: [content, "x"] });
  const [from, to] = [`oci:${room.path("from")}:v1`, `docker://${registry.host}/a:v1`];
  await room.sync(from, to);
  registry.receivedBytes = 0;
  await room.sync(from, `docker://${registry.host}/a:v2`);
  assertEquals(registry.receivedBytes, 0);
});
