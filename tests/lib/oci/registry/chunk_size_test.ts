import { assertEquals } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { recallHabits } from "../../../../lib/oci/memory.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { ChunkSize } from "../../../../lib/oci/registry/chunk_size.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { FakeRegistry } from "../../../support/fake_registry.ts";
import { randomBytes } from "../../../support/layout.ts";
import { TestMemory } from "../../../support/test_memory.ts";

const KiB = 1024;

Deno.test("ChunkSize follows what is taken of a chunk, and grows again where all of several is", () => {
  const size = new ChunkSize();
  assertEquals(size.of(1000 * KiB, 0), 1000 * KiB);
  size.took(1000 * KiB, 200 * KiB);
  assertEquals([size.of(1000 * KiB, 0), size.of(100 * KiB, 0)], [200 * KiB, 100 * KiB]);
  for (let count = 0; count < 8; count++) size.took(200 * KiB, 200 * KiB);
  assertEquals(size.of(1000 * KiB, 0), 400 * KiB);
  size.took(400 * KiB, 200 * KiB);
  assertEquals(size.of(1000 * KiB, 0), 200 * KiB);
});

Deno.test("ChunkSize stays above what the registry wants at least, and above what no request is worth", () => {
  const size = new ChunkSize();
  size.took(1000 * KiB, 1);
  assertEquals([size.of(1000 * KiB, 0), size.of(1000 * KiB, 300 * KiB)], [64 * KiB, 300 * KiB]);
  size.took(10 * KiB, 10 * KiB);
  assertEquals(size.of(1000 * KiB, 0), 64 * KiB);
});

for (const quirk of ["short-chunks", "short-chunks-416"] as const) {
  Deno.test(`pushBlob() sends little in vain where a registry takes a small part of each chunk, by "${quirk}"`, async () => {
    await using registry = new FakeRegistry({ quirks: [quirk] });
    const memory = new TestMemory();
    const chunkBytes = 2_000_000;
    // Each is sent by a run of its own.
    for (const seed of [1, 2]) {
      using host = new RegistryHost({
        host: registry.host,
        credentials: () => Promise.resolve(undefined),
        memory,
      });
      registry.receivedBytes = 0;
      const content = randomBytes(4_500_000, seed);
      const { byteLength: size } = content;
      const blob = { mediaType: MediaType.ociLayer, digest: sha256(content), size };
      const body = async function* (start: number) {
        for (let at = start; at < size; at += 70_000) {
          yield await Promise.resolve(content.slice(at, at + 70_000));
        }
      };
      const retry = { retries: 3, baseMs: 1, ceilingMs: 5 };
      const options = { chunkedFromBytes: 500_000, chunkBytes, retry };
      await new RegistryClient(host, "a/b", "pull,push").putBlob(blob, body, options);
      assertEquals(registry.store.blobs.get(blob.digest), content);
      const inVain = registry.receivedBytes - size;
      // Until it shows how it is, two whole chunks; then a little now and again.
      assertEquals(inVain <= (seed === 1 ? 2 * chunkBytes : 0) + size / 4, true, `${inVain} bytes`);
      const { mostChunkBytes = 0 } = recallHabits(memory, registry.host);
      assertEquals(mostChunkBytes >= 200_000 && mostChunkBytes <= 400_000, true);
    }
  });
}
