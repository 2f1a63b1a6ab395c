import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  KedgeError,
  NoRoomError,
  NotAllowedError,
  UnreachableError,
  UsageError,
} from "../../../lib/base/errors.ts";
import { HttpClient, type HttpClientOptions } from "../../../lib/http/client.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { freePort } from "../../support/free_port.ts";
import { type Origin, type OriginFile, startOrigin } from "../../support/origin.ts";

const body = new TextEncoder().encode("hello");
const retry = { retries: 2, baseMs: 1, ceilingMs: 2 };

async function withOrigin(
  file: Partial<OriginFile>,
  test: (client: HttpClient, url: string, origin: Origin) => Promise<void>,
  options: HttpClientOptions = {},
): Promise<void> {
  await using origin = startOrigin({ "/f": { body, ...file } });
  await test(new HttpClient({ retry, ...options }), origin.url("/f"), origin);
}

Deno.test("HttpClient gives the answer and asks for no compression", () =>
  withOrigin({}, async (client, url, origin) => {
    assertEquals(await (await client.request(url)).text(), "hello");
    assertEquals(origin.requests[0]!.headers.get("accept-encoding"), "identity");
  }));

Deno.test("HttpClient tries transient failures again and counts each request", async () => {
  let count = 0;
  const meter = { ...silentMeter, request: () => count++ };
  await withOrigin({ faults: [{ status: 503 }, { status: 500 }] }, async (client, url) => {
    assertEquals(await (await client.request(url)).text(), "hello");
  }, { meter });
  assertEquals(count, 3);
});

Deno.test("HttpClient tells why a server says that it keeps failing, once it gives up", async () => {
  const notes: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("the pull\n rate\x1b limit\nis reached", { status: 429 }),
  );
  const client = new HttpClient({
    retry: { retries: 1, baseMs: 1, ceilingMs: 1 },
    meter: { ...silentMeter, note: (text) => void notes.push(text) },
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const state = "the server answered 429";
  await assertRejects(
    () => client.request(url),
    UnreachableError,
    `Cannot GET ${url}: ${state} (the pull rate limit is reached), tried 2 times`,
  );
  assertEquals(notes.map((text) => text.includes(`${state}; trying again`)), [true]);
});

Deno.test("HttpClient ends with the abort, and not with the failure, that comes while it hears why the server fails", async () => {
  const stop = new AbortController();
  // As fetch does: the body of an answer fails by the abort of its request.
  const pull = (reader: ReadableStreamDefaultController) => {
    stop.abort(new Error("enough"));
    reader.error(stop.signal.reason);
  };
  const answer = () =>
    new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { status: 503 });
  const client = new HttpClient({
    retry: { retries: 0, baseMs: 1, ceilingMs: 1 },
    fetch: () => Promise.resolve(answer()),
  });
  await assertRejects(
    () => client.request("http://host/f", { signal: stop.signal }),
    Error,
    "enough",
  );
});

Deno.test("HttpClient gives up after its retries with what went wrong last", () =>
  withOrigin({ faults: Array(3).fill({ status: 502 }) }, async (client, url) => {
    await assertRejects(() => client.request(url), UnreachableError, "answered 502, tried 3 times");
  }));

for (
  const { what, port, permissions, state, hint } of [
    {
      what: "fetch blocks its port",
      port: 1,
      permissions: "inherit",
      state: "Requests to port 1 are blocked",
      hint: "fetch blocks the ports of other protocols; serve it on another one",
    },
    {
      what: "this program may not connect there",
      port: 2048,
      permissions: { net: ["127.0.0.1:2050"] },
      state: 'Requires net access to "127.0.0.1:2048", run again with the --allow-net flag',
      hint: undefined,
    },
  ] as const
) {
  Deno.test({
    name: `HttpClient tries once and says why where ${what}`,
    permissions: permissions as Deno.PermissionOptions,
    async fn() {
      let count = 0;
      const client = new HttpClient({ retry, meter: { ...silentMeter, request: () => count++ } });
      const error = await assertRejects(
        () => client.request(`http://user:pass@127.0.0.1:${port}/f?token=s3cr3t`),
        UnreachableError,
      );
      assertEquals(error.message, `Cannot connect to http://127.0.0.1:${port}/f?…: ${state}`);
      assertEquals([error.hint, count], [hint, 1]);
    },
  });
}

Deno.test("HttpClient says what lies at the bottom of a failed connection", async () => {
  const url = `http://127.0.0.1:${await freePort()}/f`;
  const { message } = await assertRejects(
    () => new HttpClient({ retry }).request(url),
    UnreachableError,
    `Cannot GET ${url}: tcp connect error: `,
  );
  // Each system has words and a number of its own for it.
  assertMatch(message, /: tcp connect error: [^:]+ \(os error \d+\), tried 3 times$/);
});

Deno.test("HttpClient waits at least as long as Retry-After says", () =>
  withOrigin(
    { faults: [{ status: 429, headers: { "retry-after": "1" } }] },
    async (client, url) => {
      const started = performance.now();
      await (await client.request(url)).body?.cancel();
      assert(performance.now() - started >= 990);
    },
  ));

Deno.test("HttpClient does not count a busy server that says how long to wait among the faults", async () => {
  const busy = { status: 503, headers: { "retry-after": "0" } };
  const faults = [busy, { status: 500 }, busy, { close: true }, busy];
  await withOrigin({ faults }, async (client, url) => {
    assertEquals(await (await client.request(url)).text(), "hello");
  });
  await withOrigin({ faults: Array(9).fill(busy) }, async (client, url) => {
    await assertRejects(() => client.request(url), UnreachableError, "answered 503, tried 5 times");
  });
});

Deno.test("HttpClient gives a server up that wants to be asked again tomorrow", () =>
  withOrigin(
    { faults: [{ status: 429, headers: { "retry-after": "86400" } }] },
    async (client, url) => {
      const message = "answered 429 and wants to be asked again in 86400 s, tried 1 time";
      await assertRejects(() => client.request(url), UnreachableError, message);
    },
  ));

for (
  const [status, type] of [
    [401, NotAllowedError],
    [403, NotAllowedError],
    [404, KedgeError],
    [410, KedgeError],
    [507, NoRoomError],
    [511, KedgeError],
  ] as const
) {
  Deno.test(`HttpClient does not try ${status} again and says what the server wrote`, () =>
    withOrigin({ faults: [{ status, body: "because\n" }] }, async (client, url, origin) => {
      const error = await assertRejects(() => client.request(url), type, `${status} (because)`);
      assertEquals(error.data["status"], status);
      assertEquals(origin.requests.length, 1);
    }));
}

Deno.test("HttpClient ends a request whose headers do not come", () =>
  withOrigin({ faults: Array(3).fill({ delayMs: 2000 }) }, async (client, url) => {
    await assertRejects(() => client.request(url), UnreachableError, "no answer within 50 ms");
  }, { headersTimeoutMs: 50 }));

Deno.test("HttpClient stops at once when its signal says so, with the signal's reason", () => {
  const stop = new AbortController();
  const before = () => {
    stop.abort(new Error("enough"));
    return new Promise<void>(() => {});
  };
  return withOrigin({ before }, async (client, url) => {
    await assertRejects(() => client.request(url), Error, "enough");
  }, { signal: stop.signal });
});

Deno.test("HttpClient refuses a redirect from https to http, and one that leaves HTTP", async () => {
  for (const location of ["http://127.0.0.1/x", "file:///etc/passwd", "javascript:1"]) {
    const client = new HttpClient({
      retry,
      fetch: () => Promise.resolve(new Response(null, { status: 302, headers: { location } })),
    });
    await assertRejects(() => client.request("https://host/f"), KedgeError, "Cannot follow");
  }
});

Deno.test("HttpClient ends a ring of redirects", async () => {
  await using origin = startOrigin({});
  origin.files.set("/f", { body, redirect: origin.url("/f") });
  const client = new HttpClient({ retry });
  await assertRejects(() => client.request(origin.url("/f")), KedgeError, "redirects");
});

Deno.test("HttpClient keeps user, password and query out of its errors", () =>
  withOrigin({ faults: [{ status: 404 }] }, async (client, url) => {
    const error = await assertRejects(() => client.request(`${url}?token=s3cret`), KedgeError);
    assert(!error.message.includes("s3cret"));
    assertStringIncludes(error.message, "?…");
  }));

Deno.test("HttpClient takes no header along to another origin that may let somebody in", async () => {
  await using other = startOrigin({ "/g": { body } });
  await withOrigin({ redirect: other.url("/g") }, async (client, url, origin) => {
    const headers = {
      authorization: "Bearer s3cret",
      cookie: "s3cret",
      "private-token": "s3cret",
      "x-api-key": "s3cret",
      range: "bytes=0-1",
      "if-range": '"1"',
    };
    await (await client.request(url, { headers })).body?.cancel();
    assertEquals(origin.requests[0]!.headers.get("private-token"), "s3cret");
    const [came] = other.requests;
    assert(![...came!.headers.values()].some((value) => value.includes("s3cret")));
    assertEquals(came!.headers.get("range"), "bytes=0-1");
    assertEquals(came!.headers.get("if-range"), '"1"');
  });
});

Deno.test("HttpClient tells no value of a header that cannot be sent", () =>
  withOrigin({}, async (client, url, origin) => {
    const headers = { authorization: "Bearer s3cret\nx-other: 1" };
    const error = await assertRejects(() => client.request(url, { headers }), UsageError);
    assertStringIncludes(error.message, '"authorization"');
    assert(!Deno.inspect(error).includes("s3cret"));
    assertEquals(origin.requests, []);
  }));

Deno.test("HttpClient ends the body of an answer that nobody holds any longer", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(9)) })),
  );
  const of = (path: string) => JSON.stringify(new URL(`../../../lib/${path}`, import.meta.url));
  const program = `
    import { HttpClient } from ${of("http/client.ts")};
    import { limitedFetch } from ${of("http/limited_fetch.ts")};
    import { RateLimit } from ${of("base/rate_limit.ts")};
    for (const options of [{}, { fetch: limitedFetch(fetch, new RateLimit(1e6)) }]) {
      const stop = new AbortController();
      const client = new HttpClient({ ...options, signal: stop.signal });
      const read = async () => (await client.request(Deno.args[0])).body.getReader();
      const reader = await read();
      await reader.read();
      for (let i = 0; i < 5; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        gc();
      }
      const ended = reader.read().then(() => "more came", (error) => error.message);
      stop.abort(new Error("enough"));
      const never = new Promise((resolve) => setTimeout(resolve, 10_000, "nothing ended it"));
      console.log(await Promise.race([ended, never]));
    }
    Deno.exit();
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-lock",
      "--allow-net",
      "--v8-flags=--expose-gc",
      "--config",
      fromFileUrl(new URL("../../../deno.json", import.meta.url)),
      `data:text/typescript,${encodeURIComponent(program)}`,
      `http://127.0.0.1:${server.addr.port}/`,
    ],
    stdout: "piped",
    stderr: "piped",
  });
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stdout), "enough\nenough\n", decoder.decode(stderr));
});
