/** Registries that take chunks in their own ways, or none. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { recallHabits, rememberHabits } from "../../../../lib/oci/memory.ts";
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

Deno.test("pushBlob() counts for itself where the registry's Range stays behind (ECR)", () =>
  withFake({ quirks: ["stale-range"] }, async (registry, memory) => {
    assertEquals(await push(registry.host, memory), blob.size);
    registry.store.blobs.clear();
    await assertRejects(
      () => push(registry.host, memory, { body: inPiecesWith(12, cut) }),
      KedgeError,
      "the power went",
    );
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
    assertEquals(await push(registry.host, memory), blob.size);
    // Also of a chunk that is larger than what it takes.
    const { mostChunkBytes: _forgotten, ...others } = recallHabits(memory, registry.host);
    rememberHabits(memory, registry.host, others);
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
