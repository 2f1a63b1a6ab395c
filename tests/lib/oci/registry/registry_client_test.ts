/** What a client of registries asks for, and what it makes of the answers. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../../lib/base/errors.ts";
import { parseManifest } from "../../../../lib/oci/manifest.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { RangeRefusedError } from "../../../../lib/oci/registry/range_refused_error.ts";
import {
  blob,
  content,
  emptyImage,
  inPieces,
  read,
  retry,
  withRegistry,
} from "../../../support/registry_bench.ts";

Deno.test("RegistryClient puts, looks for and gets a blob", () =>
  withRegistry({}, async (client, registry) => {
    assertEquals(await client.head(blob.digest), undefined);
    await client.putBlob(blob, inPieces);
    assertEquals(await client.head(blob.digest), { size: blob.size });
    assertEquals(sha256(await read(await client.get(blob))), blob.digest);
    assertEquals(
      await read((await client.getRange(blob, 10, 99)).body),
      content.subarray(10, 100),
    );
    assertEquals(registry.log.map((line) => line.split(" ")[0] + line.slice(-4)), [
      "HEAD 404",
      "POST 202",
      "PUT 201",
      "HEAD 200",
      "GET 200",
      "GET 206",
    ]);
  }));

Deno.test("RegistryClient.getRange() asks for closed ranges only", () =>
  withRegistry({ quirks: ["open-range-416"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(
      (await read((await client.getRange(blob, 5, blob.size - 1)).body)).length,
      blob.size - 5,
    );
    assertEquals(registry.requests[0]!.range, `bytes=5-${blob.size - 1}`);
  }));

Deno.test("RegistryClient.getRange() refuses a whole blob before it reads it", () =>
  withRegistry({ quirks: ["ignore-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    await assertRejects(
      () => client.getRange(blob, 5, 9),
      RangeRefusedError,
      "the registry answered 200",
    );
  }));

Deno.test("RegistryClient.getRange() tells how much of a range comes, and refuses crumbs", () =>
  withRegistry({ quirks: ["short-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const { body, size } = await client.getRange(blob, 10, blob.size - 1);
    assertEquals([size, await read(body)], [300_000, content.subarray(10, 300_010)]);
    registry.quirks.add("tiny-range");
    await assertRejects(
      () => client.getRange(blob, 10, 99),
      RangeRefusedError,
      `the registry answered 206 with bytes 10-10/${blob.size}`,
    );
    assertEquals((await client.getRange(blob, 10, 10)).size, 1);
  }));

Deno.test("RegistryClient.mount() takes a blob over, gives the upload that was opened instead, or nothing", () =>
  withRegistry({}, async (client, registry) => {
    registry.store.putBlob("other", content);
    assertEquals(await client.mount(blob.digest, "other"), true);
    assertEquals(await client.head(blob.digest), { size: blob.size });
    registry.quirks.add("no-mount");
    const location = await client.mount(blob.digest, "other");
    assert(location instanceof URL);
    registry.quirks.add("mount-refused");
    assertEquals(await client.mount(blob.digest, "other"), undefined);
  }));

Deno.test("RegistryClient reads tags page by page", () =>
  withRegistry({ tagsPerPage: 3 }, async (client, registry) => {
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    for (const name of names) registry.store.putManifest("a/b", emptyImage, name);
    assertEquals(await Array.fromAsync(client.tags()), names);
    assertEquals(registry.requests.length, 3);
  }));

Deno.test("RegistryClient puts and gets manifests, and is told that one is unchanged", () =>
  withRegistry({}, async (client, registry) => {
    registry.store.putBlob("a/b", new TextEncoder().encode("{}"));
    await client.putManifest("v1", emptyImage);
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
    const manifest = await client.manifest("v1");
    assert(manifest !== undefined && manifest !== "unchanged");
    assertEquals(manifest.bytes, emptyImage.bytes);
    assertEquals(await client.manifest("v1", { unless: emptyImage.digest }), "unchanged");
    assertEquals(await client.deleteManifest("v1"), true);
    assertEquals(await client.manifest("v1"), undefined);
  }));

Deno.test("RegistryClient puts an index again of which the registry came upon a part that was being put anew", () =>
  withRegistry({ faults: { halfManifest: 3 * retry.retries } }, async (client, registry) => {
    const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });
    const index = parseManifest(new TextEncoder().encode(text), { name: "test" });
    await client.putManifest("all", index);
    assertEquals((await client.headManifest("all"))?.digest, index.digest);
    registry.faults.halfManifest = 3 * retry.retries + 1;
    const error = await assertRejects(() => client.putManifest("other", index), KedgeError);
    assertEquals(
      error.message,
      `Cannot put the manifest ${registry.host}/a/b:other: the registry answered 400 (DIGEST_INVALID: digest_invalid)`,
    );
  }));

Deno.test("RegistryClient believes the hash of a manifest, not its header, then or later", () =>
  withRegistry({ quirks: ["lying-digest-header"] }, async (client, registry) => {
    registry.store.putManifest("a/b", emptyImage, "v1");
    const manifest = await client.manifest("v1");
    assert(manifest !== undefined && manifest !== "unchanged");
    assertEquals(manifest.digest, emptyImage.digest);
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
    registry.quirks.clear();
    await client.manifest(emptyImage.digest);
    registry.quirks.add("lying-digest-header");
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
  }));

Deno.test("RegistryClient hashes a manifest itself where the header is left out", () =>
  withRegistry({ quirks: ["no-digest-header"] }, async (client, registry) => {
    registry.store.putManifest("a/b", emptyImage, "v1");
    assertEquals((await client.headManifest("v1"))?.digest, emptyImage.digest);
  }));

Deno.test("RegistryClient refuses a manifest of another digest than was asked for", () =>
  withRegistry({}, async (client, registry) => {
    const wanted = sha256("something else");
    registry.store.repository("a/b").manifests.set(wanted, emptyImage);
    await assertRejects(() => client.manifest(wanted), VerificationError, `not ${wanted}`);
  }));

Deno.test("RegistryClient stops reading a manifest at 4 MiB", () =>
  withRegistry({}, async (client, registry) => {
    const bytes = new Uint8Array(5 * 1024 * 1024);
    registry.store.putManifest("a/b", { mediaType: MediaType.ociManifest, bytes }, "v1");
    await assertRejects(() => client.manifest("v1"), VerificationError, "more than 4194304 bytes");
  }));

Deno.test("RegistryClient tells an HTML page from a manifest", () =>
  withRegistry({ quirks: ["html"] }, async (client) => {
    const error = await assertRejects(() => client.manifest("v1"), VerificationError, "HTML page");
    assertEquals(error.exitCode, 3);
  }));

Deno.test("RegistryClient waits out 429 and 503", () =>
  withRegistry({ faults: { tooMany: 2, unavailable: 1 } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(await client.head(blob.digest), { size: blob.size });
    assertEquals(registry.log.map((line) => line.slice(-3)), ["429", "429", "503", "200"]);
  }));

Deno.test("RegistryClient follows a redirect without its Authorization, and anew when the URL ran out", () =>
  withRegistry(
    { user: { name: "me", password: "pass" }, quirks: ["redirect"], faults: { expireUrl: 1 } },
    async (client, registry) => {
      registry.store.putBlob("a/b", content);
      assertEquals(sha256(await read(await client.get(blob))), blob.digest);
      const signed = registry.requests.filter(({ path }) => path.startsWith("/signed/"));
      assertEquals(signed.map(({ scheme, status }) => [scheme, status]), [[null, 403], [
        null,
        200,
      ]]);
    },
    {
      credentials: () =>
        Promise.resolve({ kind: "basic" as const, username: "me", password: "pass" }),
    },
  ));
