import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { Patience } from "../../../lib/cache/patience.ts";
import { patientPieces } from "../../../lib/cache/patient_pieces.ts";

const pace = { idleMs: 20, leastBytes: 64 * 1024 };

async function* pieces(bytes: number, count: number): AsyncGenerator<Uint8Array> {
  for (let made = 0; made < count; made++) yield await Promise.resolve(new Uint8Array(bytes));
}

/** Takes a piece every few milliseconds; gives how many it took. */
async function takeSlowly(bytes: number, count: number): Promise<number> {
  using patience = new Patience(new AbortController().signal, 60_000);
  let taken = 0;
  for await (const _ of patientPieces(pieces(bytes, count), patience, pace)) {
    await delay(5);
    taken++;
  }
  return taken;
}

Deno.test("patientPieces() ends when too few bytes are taken for a while, however often", async () => {
  await assertRejects(() => takeSlowly(1000, Infinity), DOMException, "no sign of life");
});

Deno.test("patientPieces() gives all pieces to who takes enough bytes", async () => {
  assertEquals(await takeSlowly(pace.leastBytes, 20), 20);
});
