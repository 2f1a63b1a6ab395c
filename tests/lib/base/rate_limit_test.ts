import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { RateLimit } from "../../../lib/base/rate_limit.ts";

const mebibyte = 1024 * 1024;

Deno.test("RateLimit.stream() lets several streams pass no faster than the rate together, byte for byte", async () => {
  const limit = new RateLimit(4 * mebibyte);
  const bytes = Uint8Array.from({ length: mebibyte / 2 }, (_, at) => at % 251);
  const started = performance.now();
  const read = await Promise.all(
    [1, 2, 3, 4].map(() => new Response(limit.stream(new Blob([bytes]).stream())).bytes()),
  );
  assert(performance.now() - started >= 490);
  for (const each of read) assertEquals(each, bytes);
});

Deno.test("RateLimit does not make up for a pause by a burst", async () => {
  const limit = new RateLimit(100_000);
  await delay(100);
  const started = performance.now();
  await limit.take(20_000);
  assert(performance.now() - started >= 195);
});

Deno.test("RateLimit.stream() ends on abort though the next turn is far away", async () => {
  const stop = new AbortController();
  const limit = new RateLimit(1);
  const stream = limit.stream(new Blob(["x".repeat(1000)]).stream(), stop.signal);
  const read = assertRejects(() => new Response(stream).bytes(), Error, "enough");
  stop.abort(new Error("enough"));
  await read;
});

Deno.test("RateLimit.stream() that is cancelled cancels what it reads", async () => {
  let cancelled = "";
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const stream = new RateLimit(mebibyte).stream(source);
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel("done");
  assertEquals(cancelled, "done");
});
