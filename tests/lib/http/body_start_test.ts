import { assertEquals, assertRejects } from "@std/assert";
import { UnreachableError } from "../../../lib/base/errors.ts";
import { bodyStart } from "../../../lib/http/body_start.ts";
import { firstWords } from "../../../lib/http/first_words.ts";

/** An answer whose body brings some words and then nothing more, until it is cancelled. */
function stalled(words: string): { response: Response; cancelled: () => boolean } {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      if (words !== "") controller.enqueue(new TextEncoder().encode(words));
    },
    cancel: () => {
      isCancelled = true;
    },
  });
  return { response: new Response(body), cancelled: () => isCancelled };
}

Deno.test("bodyStart() gives no more than was asked for, and lets the rest go", async () => {
  const { response, cancelled } = stalled("hello world");
  assertEquals(await bodyStart(response, 5), "hello");
  assertEquals(cancelled(), true);
});

Deno.test("bodyStart() fails where the rest does not come, and lets it go", async () => {
  const { response, cancelled } = stalled("hello");
  const message = "Cannot read the answer: the rest of it did not come within 20 ms";
  await assertRejects(() => bodyStart(response, 10, 20), UnreachableError, message);
  assertEquals(cancelled(), true);
});

Deno.test("bodyStart() says from where the rest does not come, without what is secret", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => stalled("hello").response,
  );
  const url = `http://127.0.0.1:${server.addr.port}/token`;
  const response = await fetch(`${url}?key=s3cr3t`);
  await assertRejects(
    () => bodyStart(response, 10, 20),
    UnreachableError,
    `Cannot read the answer of ${url}?…: the rest of it did not come within 20 ms`,
  );
});

Deno.test("firstWords() of a body of which nothing comes are none", async () => {
  const { response, cancelled } = stalled("");
  assertEquals(await firstWords(response, 100, 20), "");
  assertEquals(cancelled(), true);
});

Deno.test("firstWords() are in one line, and as many as were asked for", async () => {
  assertEquals(await firstWords(stalled(" not\n\there\r\n ").response, 100), "not here");
  assertEquals(await firstWords(stalled("not here").response, 3), "not");
});
