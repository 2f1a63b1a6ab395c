/** Blobs that are read to their end although connections break. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../../lib/base/digest.ts";
import { UnreachableError, VerificationError } from "../../../../lib/base/errors.ts";
import { silentMeter } from "../../../../lib/base/meter.ts";
import { RegistryClient } from "../../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../../lib/oci/registry/registry_host.ts";
import { readBlob } from "../../../../lib/oci/registry/read_blob.ts";
import { blob, content, none, read, retry, withRegistry } from "../../../support/registry_bench.ts";

Deno.test("readBlob() goes on in the middle of a body that was cut", () =>
  withRegistry({ faults: { cutBody: 2 } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(sha256(await read(readBlob(client, blob, { retry }))), blob.digest);
    const [first, ...later] = registry.requests.map(({ range }) => range);
    assertEquals([first, later.length], [null, 2]);
    let start = 0;
    for (const range of later) {
      // Half of what was asked for came; of that at most the read that was under way is lost.
      const cut = start + (blob.size - start) / 2;
      const [, from, end] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
      assertEquals(Number(end), blob.size - 1);
      start = Number(from);
      assert(start <= cut && start > cut - 512 * 1024, `${range} after a cut at ${cut}`);
    }
  }));

Deno.test("readBlob() goes on where a short range ended, which is not a failure", () =>
  withRegistry({ faults: { cutBody: 1 }, quirks: ["short-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const notes: string[] = [];
    const meter = { ...silentMeter, note: (message: string) => void notes.push(message) };
    const bytes = await read(readBlob(client, blob, { retry, meter }));
    assertEquals([bytes.length, sha256(bytes)], [blob.size, blob.digest]);
    assertEquals(notes.length, 1); // Of the body that was cut.
    assertEquals(registry.requests.filter(({ range }) => range === null).length, 1);
  }));

Deno.test("readBlob() starts over, and drops what it had, where ranges are ignored", () =>
  withRegistry({ faults: { cutBody: 1 }, quirks: ["ignore-range"] }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    assertEquals(sha256(await read(readBlob(client, blob, { retry }))), blob.digest);
  }));

Deno.test("readBlob() gives a connection up that stands still", () =>
  withRegistry({ faults: { stall: 1 } }, async (client, registry) => {
    registry.store.putBlob("a/b", content);
    const bytes = await read(readBlob(client, blob, { retry, stallMs: 1500 }));
    assertEquals(sha256(bytes), blob.digest);
  }));

Deno.test("readBlob() ends when no try brings anything", async () => {
  // What is streamed has no length that could be told.
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(new Blob([]).stream()),
  );
  using host = new RegistryHost({
    host: `127.0.0.1:${server.addr.port}`,
    retry,
    credentials: none,
  });
  const error = await assertRejects(
    () => read(readBlob(new RegistryClient(host, "a/b"), blob, { retry })),
    UnreachableError,
    "the body ended after 0 of 3000000 bytes",
  );
  assertEquals(error.exitCode, 4);
});

Deno.test("readBlob() ends at once where a registry says that it has fewer bytes", () =>
  withRegistry({}, async (client, registry) => {
    registry.store.putBlob("a/b", new Uint8Array(0));
    await assertRejects(
      () => read(readBlob(client, { ...blob, digest: sha256("") }, { retry })),
      VerificationError,
      "it has 0 bytes there instead of 3000000",
    );
    assertEquals(registry.requests.length, 1);
  }));
