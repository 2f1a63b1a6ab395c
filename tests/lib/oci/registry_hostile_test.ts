/** Registries that send without an end, or send clients elsewhere. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, NotAllowedError, VerificationError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { HttpClient } from "../../../lib/http/client.ts";
import type { Credentials } from "../../../lib/oci/registry/credentials.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { readContents } from "../../../lib/oci/image_contents.ts";
import type { ImageDestination, ImageSource } from "../../../lib/oci/image_store.ts";
import { listPages } from "../../../lib/oci/registry/list_pages.ts";
import { largestManifestBytes, type Manifest } from "../../../lib/oci/manifest.ts";
import { ManifestWalk } from "../../../lib/oci/copy/manifest_walk.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { fixedLimit } from "../../../lib/http/pace.ts";
import { RegistryAuth } from "../../../lib/oci/registry/registry_auth.ts";
import { RegistryClient } from "../../../lib/oci/registry/registry_client.ts";
import { RegistryHost } from "../../../lib/oci/registry/registry_host.ts";

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

/** Asks the token server that a registry names for leave to pull. */
async function askForToken(http: HttpClient, credentials?: Credentials): Promise<void> {
  const auth = new RegistryAuth({
    host: "registry.example",
    plain: false,
    http,
    credentials: () => Promise.resolve(credentials),
  });
  const asked = new Response(null, {
    status: 401,
    headers: { "www-authenticate": 'Bearer realm="https://auth.example/token"' },
  });
  await auth.renew(asked, "a", ["repository:a:pull"], undefined);
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

Deno.test("listPages() goes on at its own host, whatever the scheme, and says so where a list goes on elsewhere", async () => {
  const asked: string[] = [];
  const host = {
    host: "registry",
    request: (_repository: string, url: URL) => {
      const next = [
        "http://registry/v2/a/tags/list?last=1",
        "http://registry//other/v2?last=2",
        "https://other/v2/a/tags/list",
      ];
      const link = `<${next[asked.length]}>; rel="next"`;
      asked.push(url.href);
      return Promise.resolve(new Response("{}", { headers: { link } }));
    },
  } as unknown as RegistryHost;
  const url = new URL("https://registry/v2/a/tags/list");
  await assertRejects(
    () => Array.fromAsync(listPages(host, "a", url, { action: "list the tags" })),
    VerificationError,
    'Cannot list the tags of "registry/a": the next page is said to be at "https://other"',
  );
  assertEquals(asked, [url.href, `${url.href}?last=1`, "https://registry//other/v2?last=2"]);
});

/** What is asked for where the first page of a list has such a link. */
async function askedWith(link: string): Promise<string[]> {
  const asked: string[] = [];
  const host = {
    host: "registry",
    request: (_repository: string, url: URL) => {
      asked.push(url.pathname + url.search);
      return Promise.resolve(new Response("{}", { headers: asked.length === 1 ? { link } : {} }));
    },
  } as unknown as RegistryHost;
  const url = new URL("http://registry/v2/a/tags/list");
  await Array.fromAsync(listPages(host, "a", url, { action: "list the tags" }));
  return asked.slice(1);
}

Deno.test("listPages() finds the next page however the link to it is written", async () => {
  const next = "/v2/a/tags/list?n=2&last=x,y;z";
  for (
    const link of [
      `<${next}>; rel="next"`,
      `<${next}>;rel=next`,
      ` <${next}> ; REL = "NEXT" `,
      `<?n=2&last=x,y;z>; rel="last next"`,
      `<${next}>; title="a, \\" b; rel=prev"; rel="next"; x`,
      `</v2/a/tags/list?n=2>; rel="first", <${next}>; rel="next"`,
      `<${next}>; rel="next", </v2/a/tags/list?n=2>; rel="first"`,
      `<${next}>`,
    ]
  ) assertEquals(await askedWith(link), [next], link);
  for (const link of ["", "</v2>; rel=nextish", '</v2>; rel="prev"; title="next"', "<<<", ";;"]) {
    assertEquals(await askedWith(link), [], link);
  }
});

Deno.test("listPages() takes no list for ended of which the next page cannot be found", async () => {
  for (
    const link of [
      '<<?n=2>>; rel="next"',
      '<http://[bad>; rel="next"',
      '/v2/a/tags/list?n=2; rel="next"',
      '<?n=2>; rel="next',
    ]
  ) {
    await assertRejects(
      () => askedWith(link),
      VerificationError,
      'Cannot list the tags of "registry/a": where its next page is cannot be understood',
    );
  }
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
  await assertRejects(
    () => askForToken(http, { kind: "identity", token: "the-identity" }),
    KedgeError,
    "answered 307",
  );
  assertEquals(came.map(({ url }) => url), ["https://auth.example/token"]);
});

Deno.test("RegistryAuth reads no token without an end", async () => {
  const { body, sent } = endless();
  const http = new HttpClient({ retry, fetch: () => Promise.resolve(new Response(body)) });
  await assertRejects(
    () => askForToken(http),
    KedgeError,
    "holds none",
  );
  assert(sent() < 10_000_000);
});

/** An index of many manifests, each as large as one may be. */
function manyLarge(): { source: ImageSource; asked: () => number } {
  const bytes = new Uint8Array(largestManifestBytes);
  const manifestOf = (digest: Digest, manifests: Descriptor[]): Manifest => ({
    kind: manifests.length === 0 ? "image" : "index",
    mediaType: manifests.length === 0 ? MediaType.ociManifest : MediaType.ociIndex,
    digest,
    bytes,
    blobs: [],
    manifests,
    annotations: {},
  });
  const children = Array.from({ length: 1000 }, (_, at) => ({
    mediaType: MediaType.ociManifest,
    digest: sha256(String(at)),
    size: bytes.length,
  }));
  let asked = 0;
  const source = {
    name: "an image",
    limit: fixedLimit(4),
    resolve: () => Promise.resolve(manifestOf(sha256("root"), children)),
    manifest: ({ digest }: Descriptor) => {
      asked++;
      return Promise.resolve(manifestOf(digest, []));
    },
  };
  return { source: source as unknown as ImageSource, asked: () => asked };
}

Deno.test("readContents() holds no more manifests than an image has", async () => {
  const { source, asked } = manyLarge();
  await assertRejects(
    () => readContents(source, new AbortController().signal),
    VerificationError,
    "bytes together",
  );
  assert(asked() < 100);
});

Deno.test("ManifestWalk holds no more manifests than an image has", async () => {
  const { source, asked } = manyLarge();
  const destination = {
    limit: fixedLimit(4),
    complete: false,
    has: () => Promise.resolve(false),
    standing: () => Promise.resolve(undefined),
  } as unknown as ImageDestination;
  const { signal } = new AbortController();
  const walk = new ManifestWalk(source, destination, { meter: silentMeter, signal });
  await assertRejects(
    async () => await walk.visit(await source.resolve(), 0, new Set()),
    VerificationError,
    "bytes together",
  );
  assert(asked() < 100);
});

for (const how of ["does not come", "breaks off"]) {
  Deno.test(`RegistryClient says of a refusal what is known of it where the rest ${how}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const serve = async () => {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(4096));
      const answer = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{"errors":';
      await connection.write(new TextEncoder().encode(answer));
      if (how === "does not come") await connection.read(new Uint8Array(1)).catch(() => null);
    };
    const served = serve();
    const name = `127.0.0.1:${listener.addr.port}`;
    {
      using host = new RegistryHost({
        host: name,
        retry,
        credentials: () => Promise.resolve(undefined),
      });
      const error = await assertRejects(
        () => new RegistryClient(host, "a").get({ digest: sha256("x") }),
        NotAllowedError,
      );
      assertEquals(error.message, `Cannot get the blob "${name}/a": the registry answered 403`);
    }
    await served;
  });
}
