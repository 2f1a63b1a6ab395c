/** A large blob is uploaded in chunks, and goes on where an earlier run stopped. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { recallHabits } from "../../../../lib/oci/memory.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { FakeRegistry } from "../../../support/fake_registry.ts";
import { realTest } from "../../../support/real.ts";
import { startRegistry } from "../../../support/registry.ts";
import { TestMemory } from "../../../support/test_memory.ts";
import {
  blob,
  cut,
  cutWasNoticed,
  inPieces,
  inPiecesWith,
  methods,
  push,
  withFake,
} from "../../../support/push_bench.ts";

Deno.test("pushBlob() sends a large blob in chunks, and forgets the upload at the end", () =>
  withFake({}, async (registry, memory) => {
    assertEquals(await push(registry.host, memory), blob.size);
    assertEquals(methods(registry), [
      "POST 202",
      "PATCH 202",
      "GET 204",
      "PATCH 202",
      "PATCH 202",
      "PATCH 202",
      "PUT 201",
    ]);
    assertEquals([...memory.facts.keys()], [`registry ${registry.host}`]);
  }));

Deno.test("pushBlob() finds out once of a registry whether it says how far an upload is", async () => {
  for (const quirks of [[], ["no-resume"]] as const) {
    await withFake({ quirks }, async (registry, memory) => {
      await push(registry.host, memory);
      const resumes = quirks.length === 0;
      assertEquals(recallHabits(memory, registry.host), { chunks: true, resumes });
      const asked = methods(registry).filter((line) => line.startsWith("GET"));
      assertEquals(asked, [resumes ? "GET 204" : "GET 404"]);
      registry.requests.length = 0;
      await push(registry.host, memory);
      assertEquals(methods(registry).filter((line) => line.startsWith("GET")), []);
    });
  }
});

Deno.test("pushBlob() finds out of several blobs at once with one request whether uploads can be asked for", () =>
  withFake({}, async (registry, memory) => {
    using connection = new RegistryHost({ host: registry.host, memory });
    const client = new RegistryClient(connection, "a/b", "pull,push");
    const options = { chunkedFromBytes: 500_000, chunkBytes: 300_000 };
    await Promise.all([1, 2, 3].map(() => client.putBlob(blob, inPieces, options)));
    assertEquals(methods(registry).filter((line) => line.startsWith("GET")), ["GET 204"]);
  }));

Deno.test("pushBlob() takes an upload that is lost just when it is asked for as no sign of a habit", () =>
  withFake({ faults: { loseAskedUpload: 1 } }, async (registry, memory) => {
    await push(registry.host, memory);
    assertEquals(methods(registry), [
      ...["POST 202", "PATCH 202", "GET 404", "PATCH 404"],
      ...["POST 202", "PATCH 202", "PATCH 202", "PATCH 202", "PATCH 202", "PUT 201"],
    ]);
    assertEquals(recallHabits(memory, registry.host), { chunks: true });
  }));

Deno.test("pushBlob() goes on with an upload that may not be asked for", () =>
  withFake({ quirks: ["no-asking"] }, async (registry, memory) => {
    assertEquals(await push(registry.host, memory), blob.size);
    assertEquals(recallHabits(memory, registry.host), { chunks: true, resumes: false });
  }));

Deno.test("pushBlob() obeys OCI-Chunk-Min-Length and remembers it", () =>
  withFake({ minChunkBytes: 600_000 }, async (registry, memory) => {
    await push(registry.host, memory);
    assertEquals(methods(registry), [
      ...["POST 202", "PATCH 202", "GET 204", "PATCH 202", "PUT 201"],
    ]);
    assertEquals([...memory.facts.keys()], [`registry ${registry.host}`]);
  }));

Deno.test("pushBlob() continues what an earlier run sent, and hashes the beginning too", () =>
  withFake({}, async (registry, memory) => {
    await assertRejects(
      () => push(registry.host, memory, { body: inPiecesWith(12, cut) }),
      KedgeError,
      "the power went",
    );
    await cutWasNoticed(registry);
    const { location, offset } = memory.upload!;
    assertEquals(offset, 600_000);
    const size = [...registry.store.uploads.values()][0]!.size;
    assert(size >= offset);
    const session = { location: new URL(location), offset: size };
    assertEquals(await push(registry.host, memory, { session }), blob.size - size);
  }));

Deno.test("pushBlob() lets the chunk in flight arrive when it is ended", () =>
  withFake({}, async (registry, memory) => {
    const controller = new AbortController();
    await assertRejects(
      () =>
        push(registry.host, memory, {
          signal: controller.signal,
          body: inPiecesWith(6, () => controller.abort(new Error("enough"))),
        }),
      Error,
      "enough",
    );
    assertEquals(memory.upload?.offset, 600_000);
    const { location, offset } = memory.upload!;
    assertEquals(
      await push(registry.host, memory, { session: { location: new URL(location), offset } }),
      400_000,
    );
  }));

realTest("pushBlob() sends chunks to docker-registry, and goes on between them", [
  "docker-registry",
], async () => {
  await using registry = await startRegistry();
  const memory = new TestMemory();
  await assertRejects(
    () => push(registry.host, memory, { body: inPiecesWith(9, cut) }),
    KedgeError,
    "the power went",
  );
  const { location, offset } = memory.upload!;
  assertEquals(offset, 300_000);
  // The cut chunk ends the session of docker-registry: the push begins anew and ends well.
  await push(registry.host, memory, { session: { location: new URL(location), offset } });
  using connection = new RegistryHost({ host: registry.host });
  assertEquals(await new RegistryClient(connection, "a/b").head(blob.digest), {
    size: blob.size,
  });
  const next = await push(registry.host, memory);
  assertEquals(next, blob.size);
});

Deno.test("pushBlob() counts a blob once that is sent again since the token ran out", async () => {
  await using registry = new FakeRegistry({ token: true, faults: { expireTokenAtPut: 1 } });
  const sent = await push(registry.host, new TestMemory(), { chunkedFromBytes: Infinity });
  assertEquals(sent, 2 * blob.size);
  assertEquals(registry.store.blobs.has(blob.digest), true);
});
