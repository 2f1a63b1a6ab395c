/** Registries whose blobs are not there, or of another size than their manifests say. */
import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, UnreachableError, VerificationError } from "../../../lib/base/errors.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const layer = encode("layer");
const config = encode("{}");

/** An image of which the manifest says another size of the layer. */
function manifestOf(size: number): Uint8Array<ArrayBuffer> {
  const describe = (bytes: Uint8Array, mediaType: string) => ({
    mediaType,
    digest: sha256(bytes),
    size: bytes.byteLength,
  });
  return encode(JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: describe(config, MediaType.ociConfig),
    layers: [{ ...describe(layer, MediaType.ociLayer), size }],
  }));
}

Deno.test("syncImage() tells at once that a registry's blob has another size than its manifest says, and leaves no layout", async () => {
  for (const quirks of [[], ["ignore-range"]] as const) {
    for (const size of [3, 4, 6, 500]) {
      await using room = await ImageRoom.make();
      await using registry = new FakeRegistry({ quirks });
      for (const bytes of [layer, config]) registry.store.putBlob("a", bytes);
      const put = { mediaType: MediaType.ociManifest, bytes: manifestOf(size) };
      registry.store.putManifest("a", put, "v1");
      await assertRejects(
        () => room.sync(`docker://${registry.host}/a:v1`, `oci:${room.path("to")}:v1`),
        VerificationError,
        `it has 5 bytes there instead of ${size}`,
      );
      const reads = registry.requests.filter(({ path }) => path.endsWith(sha256(layer)));
      assertEquals(reads.length, 1);
      assertEquals(await new Layout(room.path("to")).isThere(), false);
    }
  }
});

Deno.test("syncImage() says which blob a registry does not have, and what to do", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  registry.store.putBlob("a", config);
  const put = { mediaType: MediaType.ociManifest, bytes: manifestOf(5) };
  registry.store.putManifest("a", put, "v1");
  const error = await assertRejects(
    () => room.sync(`docker://${registry.host}/a:v1`, `oci:${room.path("to")}:v1`),
    KedgeError,
  );
  assertEquals(error instanceof UnreachableError, false);
  assertEquals(
    error.message,
    `Cannot find the blob ${sha256(layer)} of "${registry.host}/a": the registry answered 404`,
  );
  assertEquals([error.side, error.hint], ["source", "have the image pushed again"]);
});

realTest(
  "syncImage() refuses what docker-registry took of an image whose manifest lies of a size",
  ["docker-registry"],
  async () => {
    await using registry = await startRegistry();
    const url = `http://${registry.host}/v2/a`;
    for (const bytes of [layer, config]) {
      const { headers, body } = await fetch(`${url}/blobs/uploads/`, { method: "POST" });
      await body?.cancel();
      const place = new URL(headers.get("location")!, url);
      place.searchParams.set("digest", sha256(bytes));
      const answer = await fetch(place, { method: "PUT", body: bytes });
      assertEquals([answer.status, await answer.text()], [201, ""]);
    }
    for (const size of [4, 6]) {
      await using room = await ImageRoom.make();
      const answer = await fetch(`${url}/manifests/v${size}`, {
        method: "PUT",
        headers: { "content-type": MediaType.ociManifest },
        body: manifestOf(size),
      });
      assertEquals([answer.status, await answer.text()], [201, ""]);
      await assertRejects(
        () => room.sync(`docker://${registry.host}/a:v${size}`, `oci:${room.path("to")}:v1`),
        VerificationError,
        `it has 5 bytes there instead of ${size}`,
      );
    }
  },
);
