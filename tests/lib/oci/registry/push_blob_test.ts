import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError, UnreachableError } from "../../../../lib/base/errors.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import { MediaType } from "../../../../lib/oci/media_type.ts";
import { type Memory, recallHabits } from "../../../../lib/oci/memory.ts";
import type { PushBlobOptions } from "../../../../lib/oci/registry/push_blob_options.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { FakeRegistry, type FakeRegistryOptions } from "../../../support/fake_registry.ts";
import { randomBytes } from "../../../support/layout.ts";
import { realTest } from "../../../support/real.ts";
import { startRegistry } from "../../../support/registry.ts";
import { TestMemory } from "../../../support/test_memory.ts";

const content = randomBytes(1_000_000);
const blob: Descriptor = {
  mediaType: MediaType.ociLayer,
  digest: sha256(content),
  size: content.byteLength,
};

async function* inPieces(start: number): AsyncIterable<Uint8Array> {
  for (let at = start; at < content.byteLength; at += 70_000) {
    yield await Promise.resolve(content.slice(at, at + 70_000));
  }
}

/** The same; at one piece, something happens first. */
function inPiecesWith(at: number, happens: () => unknown): typeof inPieces {
  let pieces = 0;
  return async function* (start) {
    for await (const piece of inPieces(start)) {
      if (++pieces === at) happens();
      yield piece;
    }
  };
}

function cut(): never {
  throw new KedgeError("the power went");
}

/** Pushes the blob in chunks of 300 000 bytes; gives the bytes that went out, of which all but those in vain make the blob. */
async function push(
  host: string,
  memory: Memory,
  options: PushBlobOptions & { body?: (start: number) => AsyncIterable<Uint8Array> } = {},
  retries = 0,
): Promise<number> {
  using connection = new RegistryHost({
    host,
    memory,
    retry: { retries, baseMs: 0, ceilingMs: 0 },
    credentials: () => Promise.resolve(undefined),
  });
  let sent = 0;
  let inVain = 0;
  await new RegistryClient(connection, "a/b", "pull,push").putBlob(
    blob,
    options.body ?? inPieces,
    {
      chunkedFromBytes: 500_000,
      chunkBytes: 300_000,
      retry: { retries: 3, baseMs: 1, ceilingMs: 5 },
      ...options,
      onSent: (bytes) => {
        sent += bytes;
      },
      onRestart: (bytes) => {
        inVain += bytes;
      },
    },
  );
  assertEquals((options.session?.offset ?? 0) + sent - inVain, blob.size);
  return sent;
}

async function withFake(
  options: FakeRegistryOptions,
  run: (registry: FakeRegistry, memory: TestMemory) => Promise<void>,
): Promise<void> {
  await using registry = new FakeRegistry(options);
  await run(registry, new TestMemory());
  assertEquals(registry.store.blobs.get(blob.digest), content);
}

/** Waits until the registry has seen that a chunk was cut. */
async function cutWasNoticed(registry: FakeRegistry): Promise<void> {
  while (!registry.requests.some(({ status }) => status === 400)) {
    await delay(5);
  }
}

function methods(registry: FakeRegistry): string[] {
  return registry.requests.map(({ method, status }) => `${method} ${status}`);
}

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

Deno.test("pushBlob() counts for itself where the registry's Range stays behind (ECR)", () =>
  withFake({ quirks: ["stale-range"] }, async (registry, memory) => {
    assertEquals(await push(registry.host, memory), blob.size);
    registry.store.blobs.clear();
    await assertRejects(() => push(registry.host, memory, { body: inPiecesWith(12, cut) }));
    await cutWasNoticed(registry);
    assertEquals(memory.upload?.offset, 600_000);
    const { location, offset } = memory.upload!;
    const session = { location: new URL(location), offset };
    assertEquals(await push(registry.host, memory, { session }), 400_000);
  }));

Deno.test("pushBlob() goes on where a registry says that it is which takes only a part of each chunk, and believes it at once the next time", () =>
  withFake({ quirks: ["short-chunks"] }, async (registry, memory) => {
    const patches = () => methods(registry).filter((line) => /PATCH|POST/.test(line));
    assert(await push(registry.host, memory) <= blob.size + 2 * 100_000 + 300_000);
    assertEquals(patches(), [
      "POST 202",
      "PATCH 202",
      "PATCH 416",
      ...Array(4).fill("PATCH 202"),
    ]);
    assertEquals(recallHabits(memory, registry.host).ownCount, false);
    registry.requests.length = 0;
    assertEquals(await push(registry.host, memory), blob.size + 100_000);
    assertEquals(patches(), ["POST 202", ...Array(5).fill("PATCH 202")]);
  }));

Deno.test("pushBlob() goes on where a registry is which takes a part of a chunk and answers 416", () =>
  withFake({ quirks: ["short-chunks-416"] }, async (registry, memory) => {
    await push(registry.host, memory);
    assertEquals(methods(registry).filter((line) => line.startsWith("POST")), ["POST 202"]);
  }));

Deno.test("pushBlob() begins anew where a registry is not even where it says that it is", () =>
  withFake({ quirks: ["stale-range"] }, async (registry, memory) => {
    await push(registry.host, memory);
    registry.store.blobs.clear();
    registry.requests.length = 0;
    // The answer to the second chunk is lost, and what the registry says of it stays behind.
    let pieces = 0;
    const body: typeof inPieces = async function* (start) {
      for await (const piece of inPieces(start)) {
        if (++pieces === 10) [...registry.store.uploads.values()][0]!.size += 1;
        yield piece;
      }
    };
    await push(registry.host, memory, { body });
    assertEquals(methods(registry).filter((line) => line === "POST 202").length, 2);
    assertEquals(recallHabits(memory, registry.host).ownCount, true);
  }));

Deno.test("pushBlob() sends the whole where the registry takes no chunks (GAR), and at once the next time", () =>
  withFake({ quirks: ["no-chunks"] }, async (registry, memory) => {
    await push(registry.host, memory);
    assertEquals(methods(registry), ["POST 202", "PATCH 405", "DELETE 204", "POST 202", "PUT 201"]);
    registry.requests.length = 0;
    await push(registry.host, memory);
    assertEquals(methods(registry), ["POST 202", "PUT 201"]);
  }));

Deno.test("pushBlob() sends the whole also where it may not give up the upload that takes no chunks", () =>
  withFake({ quirks: ["no-chunks", "no-cancel"] }, async (registry, memory) => {
    await push(registry.host, memory);
    assertEquals(methods(registry), ["POST 202", "PATCH 405", "DELETE 403", "POST 202", "PUT 201"]);
  }));

Deno.test("pushBlob() goes on in the middle after a failure of the registry", () =>
  withFake({}, async (registry, memory) => {
    const sent = await push(registry.host, memory, {
      body: inPiecesWith(7, () => (registry.faults.unavailable = 1)),
    });
    assertEquals(methods(registry).filter((line) => line === "POST 202").length, 1);
    assert(sent < blob.size * 1.5, `${sent} bytes were sent`);
  }));

Deno.test("pushBlob() begins anew when the session is lost, and where states cannot be asked (ACR)", () =>
  withFake({ quirks: ["no-resume"] }, async (registry, memory) => {
    await push(registry.host, memory, {
      body: inPiecesWith(7, () => (registry.faults.loseUpload = 1)),
    });
    assertEquals(methods(registry).filter((line) => line === "POST 202").length, 2);
  }));

Deno.test("pushBlob() continues what an earlier run sent, and hashes the beginning too", () =>
  withFake({}, async (registry, memory) => {
    await assertRejects(() => push(registry.host, memory, { body: inPiecesWith(12, cut) }));
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

Deno.test("pushBlob() gives up without progress", async () => {
  await using registry = new FakeRegistry({ faults: { unavailable: 1000 } });
  const told = async (retries: number) => {
    const pushing = () => push(registry.host, new TestMemory(), {}, retries);
    const { message, exitCode } = await assertRejects(pushing, UnreachableError);
    assertEquals(exitCode, 4);
    return message;
  };
  const state = `Cannot push ${blob.digest} to "${registry.host}/a/b": ` +
    `Cannot open an upload ${registry.url}/v2/a/b/blobs/uploads/: the server answered 503`;
  assertEquals((await told(0)).replace(/ \(.*\)/, ""), `${state}, tried 4 times`);
  assertEquals((await told(1)).replace(/ \(.*\)/, ""), `${state}, tried 8 times`);
});

/** The bytes; as soon as one of the offsets is passed, the registry loses the upload. */
function losing(registry: FakeRegistry, isLost: (offset: number) => boolean): typeof inPieces {
  return async function* (start) {
    let at = start;
    for await (const piece of inPieces(start)) {
      at += piece.byteLength;
      if (isLost(at)) registry.faults.loseUpload = 1;
      yield piece;
    }
  };
}

Deno.test("pushBlob() does not lose patience with a registry that loses uploads, as long as each gets further", () =>
  withFake({}, async (registry, memory) => {
    const losses = [250_000, 450_000, 650_000, 850_000];
    const body = losing(registry, (offset) => {
      if (losses.length === 0 || offset <= losses[0]!) return false;
      losses.shift();
      return true;
    });
    await push(registry.host, memory, { body, chunkBytes: 100_000 });
    assertEquals(methods(registry).filter((line) => line === "POST 202").length, 5);
  }));

Deno.test("pushBlob() gives up a registry that loses every upload at the same place", async () => {
  await using registry = new FakeRegistry();
  const body = losing(registry, (offset) => offset > 450_000);
  const error = await assertRejects(
    () => push(registry.host, new TestMemory(), { body, chunkBytes: 100_000 }),
    KedgeError,
    "the registry answered 404",
  );
  assertEquals(error.data?.["status"], 404);
  // Of two neighbouring chunks, one or the other is lost.
  const opened = methods(registry).filter((line) => line === "POST 202").length;
  assert(opened >= 3 && opened <= 6, `${opened} uploads were opened`);
});

realTest("pushBlob() sends chunks to docker-registry, and goes on between them", [
  "docker-registry",
], async () => {
  await using registry = await startRegistry();
  const memory = new TestMemory();
  await assertRejects(() => push(registry.host, memory, { body: inPiecesWith(9, cut) }));
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
