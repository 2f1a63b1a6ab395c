/** Uploads that registries lose, and how long that is borne. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KedgeError, UnreachableError } from "../../../../lib/base/errors.ts";
import { FakeRegistry } from "../../../support/fake_registry.ts";
import { TestMemory } from "../../../support/test_memory.ts";
import {
  blob,
  inPieces,
  inPiecesWith,
  methods,
  push,
  withFake,
} from "../../../support/push_bench.ts";

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
