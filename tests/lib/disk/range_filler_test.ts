import { delay } from "@std/async";
import { assertEquals, assertRejects } from "@std/assert";
import { RangeFiller } from "../../../lib/disk/range_filler.ts";
import { noise } from "../../support/disk.ts";

const bytes = noise(700_000);

/** A body that gives bytes piece by piece, each after some milliseconds, and then ends, fails or gives nothing more. */
function bodyOf(
  pieceBytes: number,
  of: { afterMs?: number; upTo?: number; end?: "fails" | "hangs" },
) {
  const { afterMs = 0, upTo = bytes.length, end } = of;
  let at = 0;
  const source: UnderlyingByteSource = {
    type: "bytes",
    async pull(controller) {
      if (afterMs > 0) await delay(afterMs);
      if (at < upTo) {
        const piece = bytes.slice(at, Math.min(upTo, at + pieceBytes));
        at += piece.length;
        controller.enqueue(piece);
      } else if (end === "fails") {
        controller.error(new Error("cut off"));
      } else if (end === "hangs") {
        await new Promise(() => {});
      } else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
  };
  return new ReadableStream(source) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

async function fill(filler: RangeFiller, body: ReturnType<typeof bodyOf>, place: typeof bytes) {
  let told = 0;
  await filler.fill(body, place, (count) => told += count);
  return told;
}

Deno.test("a RangeFiller fills a place from a body, and leaves out what follows", async () => {
  const filler = new RangeFiller();
  for (const size of [bytes.length, 600_001, 1]) {
    const place = new Uint8Array(size);
    assertEquals(await fill(filler, bodyOf(100_000, {}), place), size);
    assertEquals(place, bytes.subarray(0, size));
  }
  const place = new Uint8Array(bytes.length);
  assertEquals(await fill(filler, bodyOf(100_000, { upTo: 250_000 }), place), 250_000);
});

Deno.test("a RangeFiller keeps what came before a body was cut off", async () => {
  const filler = new RangeFiller();
  const place = new Uint8Array(bytes.length);
  let told = 0;
  const body = bodyOf(100_000, { upTo: 300_000, end: "fails" });
  await assertRejects(() => filler.fill(body, place, (count) => told += count), Error, "cut off");
  assertEquals(place.subarray(0, told), bytes.subarray(0, told));
  assertEquals(told > 0, true);
});

Deno.test("a RangeFiller gives up a body that gives nothing more, and not one that comes slowly", async () => {
  const silent = bodyOf(1000, { upTo: 5000, end: "hangs" });
  await assertRejects(
    () => new RangeFiller(50).fill(silent, new Uint8Array(9000), () => {}),
    Error,
    "nothing came for 50 ms",
  );
  const slow = bodyOf(100, { upTo: 4000, afterMs: 90 });
  assertEquals(await fill(new RangeFiller(3000), slow, new Uint8Array(4000)), 4000);
});
