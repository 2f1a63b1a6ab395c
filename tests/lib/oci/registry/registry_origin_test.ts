import { assertEquals, assertRejects } from "@std/assert";
import { type Meter, silentMeter } from "../../../../lib/base/meter.ts";
import { HttpClient } from "../../../../lib/http/client.ts";
import { KedgeError } from "../../../../lib/base/errors.ts";
import { RegistryOrigin } from "../../../../lib/oci/registry/registry_origin.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { startNginx } from "../../../support/nginx.ts";
import { realTest } from "../../../support/real.ts";
import { makeCertificate } from "../../../support/token_server.ts";

/** An origin, what was asked by it, and what its meter was told. */
function watched(host: string, options: { insecure?: boolean; caCerts?: string[] } = {}) {
  const asked: string[] = [];
  const told: string[] = [];
  const meter: Meter = {
    ...silentMeter,
    request: () => void told.push("request"),
    note: (message: string) => void told.push(message),
  };
  const origin = new RegistryOrigin({ host, meter, insecure: options.insecure });
  const client = Deno.createHttpClient({ http2: false, caCerts: options.caCerts ?? [] });
  const send = async (path: string, init: RequestInit = {}) => {
    const response = await origin.send(`http://${host}${path}`, init, (url, how) => {
      asked.push(url.slice(0, url.indexOf(":")));
      return fetch(url, { ...how, client });
    });
    return [response.status, await response.text()] as const;
  };
  return { origin, asked, told, send, [Symbol.dispose]: () => client.close() };
}

/** A server that speaks TLS, and closes what does not. */
async function withTls(run: (host: string, caCert: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const { certificate, key } = await makeCertificate(folder);
    const [cert, keyText] = [await Deno.readTextFile(certificate), await Deno.readTextFile(key)];
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, cert, key: keyText, onListen() {} },
      async (request) => {
        const { pathname, search } = new URL(request.url);
        const location = search.slice(1);
        if (location !== "") return new Response(null, { status: 307, headers: { location } });
        const authorization = request.headers.get("authorization") ?? "";
        return new Response(`${pathname}${authorization}${await request.text()}`);
      },
    );
    await run(`127.0.0.1:${server.addr.port}`, cert);
  });
}

realTest(
  "RegistryOrigin goes over to TLS where a loopback host closes what is not TLS",
  ["openssl"],
  () =>
    withTls(async (host, caCert) => {
      using seen = watched(host, { caCerts: [caCert] });
      assertEquals([seen.origin.base.href, seen.origin.plain], [`http://${host}/v2/`, true]);
      assertEquals(await seen.send("/v2/a", { method: "PUT", body: "x" }), [200, "/v2/ax"]);
      assertEquals(await seen.send("/v2/b"), [200, "/v2/b"]);
      assertEquals(seen.asked, ["http", "https", "https"]);
      assertEquals(seen.told, ["request", `${host} speaks TLS, and is spoken to by that`]);
      assertEquals([seen.origin.base.href, seen.origin.plain], [`https://${host}/v2/`, false]);
      assertEquals(seen.origin.current(`http://${host}/v2/c`).href, `https://${host}/v2/c`);
      const other = "http://127.0.0.1:1/token";
      assertEquals(seen.origin.current(other).href, other);
    }),
);

realTest(
  "RegistryOrigin answers all requests that find out at once that a loopback host speaks TLS",
  ["openssl"],
  () =>
    withTls(async (host, caCert) => {
      using seen = watched(host, { caCerts: [caCert] });
      const paths = Array.from({ length: 8 }, (_, at) => `/v2/${at}`);
      const answers = await Promise.all(paths.map((path) => seen.send(path)));
      assertEquals(answers.map(([, text]) => text), paths);
      assertEquals(seen.told.filter((each) => each !== "request").length, 1);
    }),
);

realTest("RegistryOrigin checks the certificate of a loopback host, and never goes back", [
  "openssl",
], () =>
  withTls(async (host) => {
    using seen = watched(host);
    for (let tried = 0; tried < 2; tried++) {
      const error = await assertRejects(() => seen.send("/v2/"), TypeError);
      assertEquals((error.cause as Error).message.includes("invalid peer certificate"), true);
    }
    assertEquals(seen.asked, ["http", "https", "https"]);
    assertEquals(seen.origin.plain, false);
  }));

realTest(
  "RegistryOrigin sends no stream twice, and speaks plain HTTP alone to who was named for it",
  ["openssl"],
  () =>
    withTls(async (host, caCert) => {
      using seen = watched(host, { caCerts: [caCert] });
      const body = ReadableStream.from([new Uint8Array(3)]);
      await assertRejects(() => seen.send("/v2/", { method: "PUT", body }), TypeError);
      assertEquals(seen.asked, ["http"]);
      assertEquals(await seen.send("/v2/"), [200, "/v2/"]);
      using named = watched(host, { caCerts: [caCert], insecure: true });
      await assertRejects(() => named.send("/v2/"), TypeError);
      assertEquals(named.asked, ["http"]);
    }),
);

realTest(
  "RegistryOrigin lets no redirect lead from TLS that was found to plain HTTP, and credentials stay where it leads within the host",
  ["openssl"],
  () =>
    withTls(async (host, caCert) => {
      const client = Deno.createHttpClient({ http2: false, caCerts: [caCert] });
      using _closing = { [Symbol.dispose]: () => client.close() };
      const open = () => {
        const origin = new RegistryOrigin({ host });
        const fetching = (url: string, init: RequestInit) =>
          origin.send(url, init, (next, how) => fetch(next, { ...how, client }));
        return new HttpClient({ fetch: fetching });
      };
      const plain = `http://${host}/v2/`;
      const refused = () => open().request(`http://${host}/to?http://127.0.0.1:1/`);
      await assertRejects(refused, KedgeError, `Cannot follow the redirect of https://${host}/to`);
      await assertRejects(() => open().request(`http://${host}/to?${plain}`), KedgeError);
      for (const to of [`https://${host}/v2/`, "/v2/"]) {
        const headers = { authorization: "Bearer x" };
        const response = await open().request(`http://${host}/to?${to}`, { headers });
        assertEquals(await response.text(), "/v2/Bearer x");
      }
    }),
);

realTest("RegistryOrigin goes over to TLS where nginx answers 400 to plain HTTP, to HEAD too", [
  "nginx",
  "openssl",
], () =>
  inFolder(async (folder) => {
    const { certificate, key } = await makeCertificate(folder);
    await using nginx = await startNginx({
      root: folder,
      tls: { certificate, key },
      locationConfig: "return 200 fine;",
    });
    const caCerts = [await Deno.readTextFile(certificate)];
    for (const method of ["HEAD", "GET"]) {
      using seen = watched(`127.0.0.1:${nginx.port}`, { caCerts });
      assertEquals(await seen.send("/v2/", { method }), [200, method === "GET" ? "fine" : ""]);
      assertEquals(seen.asked, ["http", "https"]);
    }
  }));

Deno.test("RegistryOrigin goes over to TLS where a loopback host leads to itself by that, and to nobody else", async () => {
  const host = "127.0.0.1:5000";
  for (
    const [location, asked] of [
      [`https://${host}/v2/a`, ["http", "https", "https"]],
      ["https://127.0.0.1:5001/v2/a", ["http", "http"]],
      ["https://127.0.0.1/v2/a", ["http", "http"]],
      ["https://example.com/v2/a", ["http", "http"]],
      [`http://${host}/v2/b`, ["http", "http"]],
      ["https://[", ["http", "http"]],
    ] as const
  ) {
    const origin = new RegistryOrigin({ host });
    const seen: string[] = [];
    for (let tried = 0; tried < 2; tried++) {
      await origin.send(`http://${host}/v2/a`, {}, (url) => {
        seen.push(url.slice(0, url.indexOf(":")));
        const plain = new Response(null, { status: 301, headers: { location } });
        return Promise.resolve(url.startsWith("https:") ? new Response() : plain);
      });
    }
    assertEquals(seen, [...asked], location);
  }
});

Deno.test("RegistryOrigin takes a 400 in plain HTTP for what it is where nobody speaks TLS", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("no such thing", { status: 400 }),
  );
  using seen = watched(`127.0.0.1:${server.addr.port}`);
  assertEquals(await seen.send("/v2/"), [400, "no such thing"]);
  assertEquals(await seen.send("/v2/"), [400, "no such thing"]);
  assertEquals([seen.asked, seen.origin.plain], [["http", "https", "http"], true]);
});

Deno.test("RegistryOrigin asks no further by TLS once a loopback host answered in plain HTTP", async () => {
  let count = 0;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      using _connection = connection;
      const bytes = new Uint8Array(4096);
      const read = await connection.read(bytes).catch(() => null);
      const isPlain = new TextDecoder().decode(bytes.subarray(0, read ?? 0)).startsWith("GET");
      // The first request and the last one are cut.
      if (!isPlain || ++count === 1 || count === 3) continue;
      const text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
      await connection.write(new TextEncoder().encode(text));
    }
  })();
  try {
    using seen = watched(`127.0.0.1:${listener.addr.port}`);
    await assertRejects(() => seen.send("/v2/"), TypeError);
    assertEquals(await seen.send("/v2/"), [200, "ok"]);
    await assertRejects(() => seen.send("/v2/"), TypeError);
    assertEquals([seen.asked, seen.origin.plain], [["http", "https", "http", "http"], true]);
  } finally {
    listener.close();
    await serving;
  }
});

Deno.test("RegistryOrigin asks nobody by TLS who could not be connected to, nor after an abort", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const host = `127.0.0.1:${listener.addr.port}`;
  listener.close();
  using seen = watched(host);
  await assertRejects(() => seen.send("/v2/"), TypeError, "");
  const signal = AbortSignal.abort(new Error("ended"));
  await assertRejects(() => seen.send("/v2/", { signal }), Error, "ended");
  assertEquals([seen.asked, seen.origin.plain], [["http", "http"], true]);
});

Deno.test("RegistryOrigin speaks TLS to hosts elsewhere, and plain HTTP to those that were named", () => {
  const origins = [["ghcr.io"], ["ghcr.io", true], ["docker.io"], ["LOCALHOST:5"], [
    "[::1]:5",
    true,
  ]];
  assertEquals(
    origins.map(([host, insecure = false]) =>
      new RegistryOrigin({ host: host as string, insecure: insecure as boolean }).base.href
    ),
    [
      "https://ghcr.io/v2/",
      "http://ghcr.io/v2/",
      "https://registry-1.docker.io/v2/",
      "http://localhost:5/v2/",
      "http://[::1]:5/v2/",
    ],
  );
});
