/** Failures that would be tried again, unless what the server says of them is final. */
import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { HttpClient } from "../../../lib/http/client.ts";

/** A server that answers with these one after another, and then fine. */
async function withAnswers(
  answers: [status: number, text: string][],
  run: (ask: (judged: string[]) => Promise<Response>, asked: () => number) => Promise<void>,
): Promise<void> {
  let count = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const [status, text] = answers[count++] ?? [200, "fine"];
    return new Response(text, { status });
  });
  const client = new HttpClient({ retry: { retries: 3, baseMs: 1, ceilingMs: 2 } });
  const acceptIf = (judged: string[]) => (status: number, text: string) => {
    judged.push(`${status} ${text.slice(0, 20)}`);
    return text.startsWith("final");
  };
  const url = `http://127.0.0.1:${server.addr.port}/`;
  await run((judged) => client.request(url, { acceptIf: acceptIf(judged) }), () => count);
}

Deno.test("HttpClient gives back a failure that is accepted for what the server says of it", async () => {
  const text = `final ${"x".repeat(1000)}`;
  await withAnswers([[500, text]], async (ask, asked) => {
    const response = await ask([]);
    assertEquals([response.status, await response.text(), asked()], [500, text, 1]);
  });
});

Deno.test("HttpClient tries a failure again that is not accepted for what the server says of it", async () => {
  await withAnswers([[500, "passing"], [503, "passing too"]], async (ask, asked) => {
    const judged: string[] = [];
    const response = await ask(judged);
    assertEquals([response.status, await response.text(), asked()], [200, "fine", 3]);
    assertEquals(judged, ["500 passing", "503 passing too"]);
  });
});

Deno.test("HttpClient lets nobody judge a failure that is final by itself", async () => {
  await withAnswers([[404, "final"]], async (ask, asked) => {
    const judged: string[] = [];
    await assertRejects(() => ask(judged), KedgeError, "answered 404 (final)");
    assertEquals([judged, asked()], [[], 1]);
  });
});
