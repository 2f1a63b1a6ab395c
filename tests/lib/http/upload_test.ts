import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, NotAllowedError, UnreachableError } from "../../../lib/base/errors.ts";
import { Uploader } from "../../../lib/http/upload.ts";

const quick = { retries: 2, baseMs: 1, ceilingMs: 5 };

function serve(handler: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function* pieces(count: number, size: number): AsyncIterable<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let i = 0; i < count; i++) {
    buffer.fill(i);
    yield await Promise.resolve(buffer);
  }
}

async function wholeOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part.slice());
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

Deno.test("Uploader.send() streams the body with its Content-Length", async () => {
  let seen: Record<string, unknown> = {};
  await using server = serve(async (request) => {
    seen = {
      method: request.method,
      length: request.headers.get("content-length"),
      coding: request.headers.get("transfer-encoding"),
      digest: sha256(new Uint8Array(await request.arrayBuffer())),
    };
    return new Response("kept", { status: 201, headers: { etag: '"1"' } });
  });
  using uploader = new Uploader();
  let sent = 0;
  const response = await uploader.send(`${server.url}/blob`, {
    sizeBytes: 8 * 300_000,
    body: () => pieces(8, 300_000),
    onSent: (bytes) => sent += bytes,
  });
  assertEquals([response.status, response.headers.get("etag"), await response.text()], [
    201,
    '"1"',
    "kept",
  ]);
  assertEquals(seen, {
    method: "PUT",
    length: "2400000",
    coding: null,
    digest: sha256(await wholeOf(pieces(8, 300_000))),
  });
  assertEquals(sent, 2_400_000);
});

Deno.test("Uploader.send() sends the whole body again after a 503 and tells what was in vain", async () => {
  let tries = 0;
  const sizes: number[] = [];
  await using server = serve(async (request) => {
    sizes.push((await request.arrayBuffer()).byteLength);
    return new Response(null, { status: ++tries < 3 ? 503 : 201 });
  });
  using uploader = new Uploader({ retry: quick });
  const inVain: number[] = [];
  await uploader.send(server.url, {
    sizeBytes: 2000,
    body: () => pieces(2, 1000),
    onRestart: (bytes) => inVain.push(bytes),
  });
  assertEquals([sizes, inVain], [[2000, 2000, 2000], [2000, 2000]]);
});

Deno.test("Uploader.send() refuses a body that is shorter or longer than it was said to be", async () => {
  await using server = serve(async (request) => {
    await request.body?.cancel();
    return new Response(null, { status: 201 });
  });
  using uploader = new Uploader({ retry: quick });
  for (const sizeBytes of [1999, 2001]) {
    await assertRejects(
      () => uploader.send(server.url, { sizeBytes, body: () => pieces(2, 1000) }),
      KedgeError,
      `a body of ${sizeBytes} bytes`,
    );
  }
});

Deno.test("Uploader.send() stops sending when the answer comes early", async () => {
  await using server = serve(() => new Response("no", { status: 403 }));
  using uploader = new Uploader({ retry: quick });
  let made = 0;
  async function* endless() {
    for (let i = 0; i < 10_000; i++) {
      made++;
      yield await Promise.resolve(new Uint8Array(100_000));
    }
  }
  await assertRejects(
    () => uploader.send(server.url, { sizeBytes: 1e9, body: endless }),
    NotAllowedError,
    "403",
  );
  assert(made < 10_000, `${made} pieces were made`);
});

Deno.test("Uploader.send() gives a connection up that takes nothing", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  using uploader = new Uploader({ retry: { ...quick, retries: 0 }, stallMs: 200 });
  await assertRejects(
    () =>
      uploader.send(`http://127.0.0.1:${listener.addr.port}/`, {
        sizeBytes: 1e8,
        body: () => pieces(100, 1e6),
      }),
    UnreachableError,
    "stood still",
  );
  listener.close();
  await accepting;
  for (const connection of connections) connection.close();
});

Deno.test("Uploader.send() ends on abort in the middle of the body", async () => {
  await using server = serve(async (request) => {
    try {
      for await (const _ of request.body!);
    } catch {
      return new Response(null, { status: 400 });
    }
    return new Response(null, { status: 201 });
  });
  const controller = new AbortController();
  using uploader = new Uploader({ signal: controller.signal });
  async function* slow() {
    for (let i = 0; i < 100; i++) {
      if (i === 3) controller.abort(new Error("enough"));
      await delay(1);
      yield new Uint8Array(1000);
    }
  }
  await assertRejects(
    () => uploader.send(server.url, { sizeBytes: 100_000, body: slow }),
    Error,
    "enough",
  );
});

Deno.test("Uploader.send() goes through the proxy of the environment", async () => {
  const seen: string[] = [];
  await using proxy = serve(async (request) => {
    seen.push(`${request.method} ${request.url} ${(await request.arrayBuffer()).byteLength}`);
    return new Response(null, { status: 201 });
  });
  using uploader = new Uploader({ proxyOf: () => proxy.url });
  await uploader.send("http://cache.invalid/nar/x", {
    sizeBytes: 1000,
    body: () => pieces(1, 1000),
  });
  assertEquals(seen, ["PUT http://cache.invalid/nar/x 1000"]);
});

Deno.test("Uploader.send() says that it goes by no proxy of SOCKS, rather than past it", async () => {
  await using server = serve(() => new Response(null, { status: 201 }));
  using uploader = new Uploader({ proxyOf: () => "socks5://ada:swordfish@proxy.invalid:1080" });
  const error = await assertRejects(
    () => uploader.send(server.url, { sizeBytes: 10, body: () => pieces(1, 10) }),
    KedgeError,
    `its proxy "socks5://proxy.invalid:1080" is one of SOCKS`,
  );
  assertStringIncludes(error.hint ?? "", "NO_PROXY");
});

Deno.test("Uploader.send() passes on an error of the body and closes the connection", async () => {
  await using server = serve(async (request) => {
    try {
      await request.arrayBuffer();
    } catch {
      return new Response(null, { status: 400 });
    }
    return new Response(null, { status: 201 });
  });
  using uploader = new Uploader({ retry: quick });
  async function* broken() {
    yield await Promise.resolve(new Uint8Array(10));
    throw new KedgeError("Cannot read the source");
  }
  await assertRejects(
    () => uploader.send(server.url, { sizeBytes: 100, body: broken }),
    KedgeError,
    "Cannot read the source",
  );
});

Deno.test("Uploader.send() ends on abort while other answers come early", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    await request.body?.cancel();
    return new Response("no", { status: 405 });
  });
  const retry = { retries: 0, baseMs: 1, ceilingMs: 1 };
  using uploader = new Uploader({ stallMs: 120_000, retry });
  for (let round = 0; round < 40; round++) {
    const controller = new AbortController();
    await Promise.all(Array.from({ length: 6 }, async () => {
      const sending = uploader.send(`http://127.0.0.1:${server.addr.port}/x`, {
        sizeBytes: 300_000,
        signal: controller.signal,
        body: async function* () {
          yield new Uint8Array(262_144);
          yield new Uint8Array(300_000 - 262_144);
        },
      });
      const error = await assertRejects(() => sending);
      // What went on until it stalled would say so.
      const isRefused = error instanceof KedgeError && error.data?.["status"] === 405;
      assert(
        isRefused || controller.signal.aborted && error === controller.signal.reason,
        `${error}`,
      );
      controller.abort();
    }));
  }
  await server.shutdown();
});

Deno.test("Uploader.send() passes on what the system says against the source of the body, and tries no more", async () => {
  await using server = serve(async (request) => {
    await request.arrayBuffer().catch(() => undefined);
    return new Response(null, { status: 201 });
  });
  using uploader = new Uploader({ retry: quick });
  let opened = 0;
  async function* denied() {
    opened++;
    yield await Promise.resolve(new Uint8Array(10));
    throw new Deno.errors.PermissionDenied("not this file");
  }
  await assertRejects(
    () => uploader.send(server.url, { sizeBytes: 100, body: denied }),
    Deno.errors.PermissionDenied,
    "not this file",
  );
  assertEquals(opened, 1);
});
