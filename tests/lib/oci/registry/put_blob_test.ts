/** Uploads of whole blobs, and where registries want them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../../lib/base/errors.ts";
import { uploadLocation } from "../../../../lib/oci/registry/upload_location.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { blob, inPieces, none, retry, withRegistry } from "../../../support/registry_bench.ts";

Deno.test("RegistryClient.putBlob() opens a new upload when the session is lost", () =>
  withRegistry({ faults: { loseUpload: 2 } }, async (client, registry) => {
    const restarts: number[] = [];
    await client.putBlob(blob, inPieces, { retry, onRestart: (bytes) => restarts.push(bytes) });
    assertEquals(registry.store.repository("a/b").blobs.has(blob.digest), true);
    assertEquals(registry.log.filter((line) => line.startsWith("POST")).length, 3);
  }));

Deno.test("RegistryClient.putBlob() does not complete bytes of another digest", () =>
  withRegistry({}, async (client, registry) => {
    const other = { ...blob, digest: sha256("other") };
    await assertRejects(
      () => client.putBlob(other, inPieces, { retry }),
      VerificationError,
      "its bytes have the digest",
    );
    assertEquals(registry.store.blobs.size, 0);
  }));

Deno.test("uploadLocation() follows neither into this machine nor from https to http", () => {
  using host = new RegistryHost({ host: "registry.example", credentials: none });
  const from = new URL("https://registry.example/v2/a/blobs/uploads/");
  const lead = (location: string) =>
    uploadLocation(host, new Response(null, { headers: { location } }), from).href;
  assertEquals(
    lead("/v2/a/blobs/uploads/1?s=2"),
    "https://registry.example/v2/a/blobs/uploads/1?s=2",
  );
  assertEquals(lead("https://upload.example/1"), "https://upload.example/1");
  for (
    const bad of ["http://registry.example/1", "https://127.0.0.1/1", "ftp://x/", "https://[::1]/"]
  ) {
    let refused = false;
    try {
      lead(bad);
    } catch (error) {
      refused = error instanceof KedgeError;
    }
    assert(refused, bad);
  }
});
