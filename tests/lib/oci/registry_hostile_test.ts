/** Registries that send without an end, or send clients elsewhere. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, NotAllowedError, VerificationError } from "../../../lib/base/errors.ts";
import { HttpClient } from "../../../lib/http/client.ts";
import { listPages } from "../../../lib/oci/list_pages.ts";
import { RegistryAuth } from "../../../lib/oci/registry_auth.ts";
import { RegistryClient } from "../../../lib/oci/registry_client.ts";
import { RegistryHost } from "../../../lib/oci/registry_host.ts";

const retry = { retries: 0, baseMs: 1, ceilingMs: 1 };

/** A body that never ends, and how many bytes of it were asked for. */
function endless(): { body: ReadableStream<Uint8Array>; sent: () => number } {
  let sent = 0;
  const piece = new Uint8Array(65_536).fill(0x20);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += piece.length;
      controller.enqueue(piece);
    },
  });
  return { body, sent: () => sent };
}

Deno.test("listPages() ends a list that has no end", async () => {
  let asked = 0;
  const host = {
    host: "registry",
    request: (_repository: string, url: URL) => {
      const link = `<${url.pathname}?last=${++asked}>; rel="next"`;
      return Promise.resolve(new Response("{}", { headers: { link } }));
    },
  } as unknown as RegistryHost;
  const url = new URL("http://registry/v2/a/tags/list");
  await assertRejects(
    () => Array.fromAsync(listPages(host, "a", url, { action: "list the tags" })),
    VerificationError,
    "more than 10000 pages",
  );
  assertEquals(asked, 10_000);
});

Deno.test("listPages() reads a Link header in a time that its length does not square", async () => {
  const link = "<".repeat(400_000);
  const host = {
    host: "registry",
    request: () => Promise.resolve({ headers: { get: () => link } } as unknown as Response),
  } as unknown as RegistryHost;
  const url = new URL("http://registry/v2/a/tags/list");
  assertEquals((await Array.fromAsync(listPages(host, "a", url, {}))).length, 1);
});

Deno.test("RegistryHost reads no more of a refusal than it tells", async () => {
  const { body, sent } = endless();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(body, { status: 403 }),
  );
  using host = new RegistryHost({
    host: `127.0.0.1:${server.addr.port}`,
    retry,
    credentials: () => Promise.resolve(undefined),
  });
  await assertRejects(
    () => new RegistryClient(host, "a").head(sha256("x")),
    NotAllowedError,
    "answered 403",
  );
  assert(sent() < 50_000_000);
});

Deno.test("RegistryAuth takes an identity token to no other server", async () => {
  const came: { url: string; body: unknown }[] = [];
  const http = new HttpClient({
    retry,
    fetch: (url, init) => {
      came.push({ url, body: init.body });
      const location = "https://thief.example/token";
      return Promise.resolve(new Response(null, { status: 307, headers: { location } }));
    },
  });
  const auth = new RegistryAuth({
    host: "registry.example",
    plain: false,
    http,
    credentials: () => Promise.resolve({ kind: "identity", token: "the-identity" }),
  });
  const asked = new Response(null, {
    status: 401,
    headers: { "www-authenticate": 'Bearer realm="https://auth.example/token"' },
  });
  await assertRejects(
    () => auth.renew(asked, "a", ["repository:a:pull"], undefined),
    KedgeError,
    "answered 307",
  );
  assertEquals(came.map(({ url }) => url), ["https://auth.example/token"]);
});

Deno.test("RegistryAuth reads no token without an end", async () => {
  const { body, sent } = endless();
  const http = new HttpClient({ retry, fetch: () => Promise.resolve(new Response(body)) });
  const auth = new RegistryAuth({
    host: "registry.example",
    plain: false,
    http,
    credentials: () => Promise.resolve(undefined),
  });
  const asked = new Response(null, {
    status: 401,
    headers: { "www-authenticate": 'Bearer realm="https://auth.example/token"' },
  });
  await assertRejects(
    () => auth.renew(asked, "a", ["repository:a:pull"], undefined),
    KedgeError,
    "holds none",
  );
  assert(sent() < 10_000_000);
});
