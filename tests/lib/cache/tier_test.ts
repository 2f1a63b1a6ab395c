import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Digest, sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { RegistryTier } from "../../../lib/cache/registry_tier.ts";
import type { Tier, TierRecord } from "../../../lib/cache/tier.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { parseReference, type RegistryReference } from "../../../lib/oci/reference.ts";
import { cacheKexec, type CacheKexecOptions } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { inFolder } from "../../support/in_folder.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

const body = bundleBytes();
const newer = bundleBytes({ version: "2" });
/** A bundle of as many bytes as the newer one. */
const wrong = newer.slice();
wrong[4]! ^= 1;
const quick = { retry: { retries: 1, baseMs: 1, ceilingMs: 2 } };
const bytesOf = (bytes: Uint8Array) => Uint8Array.fromHex(sha256(bytes).slice(7));
const etagOf = (bytes: Uint8Array) => `"${sha256(bytes).slice(7, 23)}"`;

/** A tier that does what it is told. */
class FakeTier implements Tier {
  label = "the tier";
  isTrusted = false;
  puts: TierRecord[] = [];
  record: TierRecord | undefined;
  contents: Uint8Array<ArrayBuffer> | undefined;
  failure: string | undefined;

  /** Gives what it has for every digest. */
  lies = false;
  opened: Digest[] = [];

  find(): Promise<TierRecord | undefined> {
    return this.#answer(this.record);
  }
  open(digest: Digest): Promise<{ stream: ReadableStream<Uint8Array>; size: number } | undefined> {
    this.opened.push(digest);
    const { contents } = this;
    const isThere = contents !== undefined && (this.lies || sha256(contents) === digest);
    return this.#answer(
      isThere ? { stream: new Blob([contents]).stream(), size: contents.length } : undefined,
    );
  }
  async put(_key: string, record: TierRecord): Promise<void> {
    await this.#answer(undefined);
    this.puts.push(record);
  }
  async #answer<T>(value: T): Promise<T> {
    await Promise.resolve();
    if (this.failure !== undefined) throw new Error(this.failure);
    return value;
  }
}

async function withTier(
  test: (bench: {
    tier: FakeTier;
    origin: Origin;
    notes: string[];
    /** Runs with a cache of its own. */
    run: (options?: CacheKexecOptions) => ReturnType<typeof cacheKexec>;
    /** Refreshes with the cache of a run before. */
    again: (before: { path: string }, options?: CacheKexecOptions) => ReturnType<typeof cacheKexec>;
  }) => Promise<void>,
): Promise<void> {
  await using origin = startOrigin({ "/k.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-tier-" });
  const tier = new FakeTier();
  const notes: string[] = [];
  let count = 0;
  const runIn = (dir: string, refresh: "all" | "none", options: CacheKexecOptions = {}) =>
    cacheKexec({ url: origin.url("/k.tar.gz"), ...quick, ...options }, {
      cache: new Cache(dir, { tier }),
      refresh,
      report: (event) => event.type === "note" && notes.push(event.message),
    });
  try {
    await test({
      tier,
      origin,
      notes,
      run: (options) => runIn(join(folder, String(count++)), "none", options),
      again: ({ path }, options) =>
        runIn(path.slice(0, path.indexOf("/files-v1/")), "all", options),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const remembered = (bytes: Uint8Array): TierRecord => ({
  digest: sha256(bytes),
  size: bytes.length,
  validators: { etag: etagOf(bytes) },
});

Deno.test("a tier is lent what came from the origin", () =>
  withTier(async ({ tier, run }) => {
    await run();
    assertEquals(tier.puts, [remembered(body)]);
  }));

Deno.test("a tier gives pinned contents, and the origin is not asked", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.contents = body;
    const result = await run({ sha256: sha256(body) });
    assertEquals([result.digest, result.bytesMoved], [sha256(body), body.length]);
    assertEquals([origin.requests.length, tier.puts], [0, []]);
    assertStringIncludes(result.why, "the tier has it");
    assertEquals(await Deno.readFile(result.path), body);
  }));

Deno.test("a trusted tier gives what the origin confirms with a 304, for one request", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.isTrusted = true;
    tier.record = remembered(body);
    tier.contents = body;
    const result = await run();
    assertEquals([result.digest, result.bytesMoved], [sha256(body), body.length]);
    assertEquals(origin.requests.map(({ status }) => status), [304]);
    assertEquals(origin.sentBytes, 0);
  }));

for (
  const [header, value] of [
    ["repr-digest", `sha-512=:AAAA:, sha-256=:${bytesOf(newer).toBase64()}:`],
    ["x-checksum-sha256", bytesOf(newer).toHex().toUpperCase()],
  ] as const
) {
  Deno.test(`a tier gives contents of the digest that the origin says by ${header}, with its validators`, () =>
    withTier(async ({ tier, origin, run, again }) => {
      const file = origin.files.get("/k.tar.gz")!;
      file.body = newer;
      file.headers = { [header]: value, "cache-control": "max-age=1000" };
      tier.record = { ...remembered(wrong), validators: { etag: etagOf(newer) } };
      tier.contents = newer;
      const result = await run();
      assertStringIncludes(result.why, "the tier has it");
      assertEquals([result.digest, tier.puts], [sha256(newer), []]);
      assertEquals(tier.opened, [sha256(newer)]);
      assertEquals(origin.requests[0]!.headers.get("want-repr-digest"), "sha-256=10");
      await again(result);
      assertEquals(origin.requests.map(({ status }) => status), [206, 304]);
    }));
}

Deno.test("a tier that knows the ETag of the origin is not believed what it stands for", () =>
  withTier(async ({ tier, origin, run, again }) => {
    const file = origin.files.get("/k.tar.gz")!;
    file.body = newer;
    tier.record = { ...remembered(newer), digest: sha256(wrong) };
    tier.contents = wrong;
    const first = await run();
    assertEquals([first.digest, tier.opened], [sha256(newer), []]);
    assertEquals(await Deno.readFile(first.path), newer);
    file.body = body;
    tier.record = { ...remembered(body), digest: sha256(wrong) };
    assertEquals((await again(first)).digest, sha256(body));
    assertEquals(tier.opened, []);
  }));

Deno.test("a tier that has other bytes than the origin says is overruled", () =>
  withTier(async ({ tier, origin, run }) => {
    origin.files.get("/k.tar.gz")!.headers = { "x-checksum-sha256": bytesOf(body).toHex() };
    tier.lies = true;
    tier.contents = wrong;
    assertEquals((await run()).digest, sha256(body));
  }));

Deno.test("what the origin says of its digest holds for what it sends", () =>
  withTier(async ({ origin, run }) => {
    origin.files.get("/k.tar.gz")!.headers = { "x-checksum-sha256": bytesOf(newer).toHex() };
    await assertRejects(() => run(), VerificationError, `${sha256(newer)} was published for it`);
  }));

Deno.test("a tier that remembers an old version is overruled by the origin", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.isTrusted = true;
    tier.record = remembered(body);
    tier.contents = body;
    origin.files.get("/k.tar.gz")!.body = newer;
    assertEquals((await run()).digest, sha256(newer));
    assertEquals(tier.puts, [remembered(newer)]);
  }));

for (
  const [how, contents] of [
    ["with other bytes of the same length", new Uint8Array(body.length)],
    ["with too few bytes", body.slice(0, 1000)],
    ["with a web page", new TextEncoder().encode("<html>")],
  ] as const
) {
  Deno.test(`a tier that lies ${how} costs nothing but its bytes`, () =>
    withTier(async ({ tier, run, notes }) => {
      tier.isTrusted = true;
      tier.lies = true;
      tier.record = remembered(body);
      tier.contents = contents;
      for (const options of [{}, { sha256: sha256(body) }]) {
        const result = await run(options);
        assertEquals(result.digest, sha256(body));
        assertEquals(await Deno.readFile(result.path), body);
      }
      assertStringIncludes(notes.join(), "of no use");
    }));
}

Deno.test("a tier that says a URL is something else is not believed", () =>
  withTier(async ({ tier, run }) => {
    tier.isTrusted = true;
    tier.record = { ...remembered(newer), validators: { etag: '"made up"' } };
    tier.contents = newer;
    assertEquals((await run()).digest, sha256(body));
  }));

Deno.test("a tier that is down is noted, and the origin serves", () =>
  withTier(async ({ tier, run, notes }) => {
    tier.isTrusted = true;
    tier.failure = "connection refused";
    assertEquals((await run()).digest, sha256(body));
    assertEquals((await run({ sha256: sha256(body) })).digest, sha256(body));
    assertStringIncludes(notes.join(), "connection refused");
  }));

function tierAt(host: string, isTrusted = false): RegistryTier {
  const reference = parseReference(`docker://${host}/team/cache`) as RegistryReference;
  return new RegistryTier(reference, { isTrusted });
}

/** Two machines with one tier; the origin says the digest of its file, or leaves it to the tier. */
async function fleet(
  isTrusted: boolean,
  test: (bench: {
    origin: Origin;
    put: (bytes: Uint8Array) => void;
    run: (name: string, refresh?: "all") => ReturnType<typeof cacheKexec>;
  }) => Promise<void>,
): Promise<void> {
  await using registry = await startRegistry();
  await using origin = startOrigin({});
  const tier = tierAt(registry.host, isTrusted);
  const put = (bytes: Uint8Array) => {
    const headers = { "x-checksum-sha256": bytesOf(bytes).toHex() };
    origin.files.set("/k.tar.gz", { body: bytes, ...(isTrusted ? {} : { headers }) });
  };
  const call = { meter: silentMeter, signal: new AbortController().signal };
  put(body);
  await inFolder(async (folder) => {
    const run = (name: string, refresh: "all" | "none" = "none") =>
      cacheKexec({ url: origin.url("/k.tar.gz"), ...quick }, {
        cache: new Cache(join(folder, name), { tier }),
        refresh,
      });
    await test({ origin, put, run });
  });
  assertEquals(await tier.find("another key", call), undefined);
  assertEquals(await tier.open(sha256("nothing"), call), undefined);
}

for (const isTrusted of [false, true]) {
  const confirmed = isTrusted ? "by its ETag" : "by its digest";
  realTest(
    `RegistryTier keeps what another machine then needs not fetch: the origin confirms it ${confirmed}`,
    [
      "docker-registry",
    ],
    () =>
      fleet(isTrusted, async ({ origin, put, run }) => {
        assertEquals((await run("first")).bytesMoved, body.length);
        const second = await run("second");
        assertEquals([second.digest, second.bytesMoved], [sha256(body), body.length]);
        assertEquals(origin.requests.map(({ status }) => status), [206, isTrusted ? 304 : 206]);
        assert(second.why.includes("team/cache has it"), second.why);
        put(newer);
        assertEquals((await run("first", "all")).why, "a refresh was asked for");
        const third = await run("second", "all");
        assertEquals([third.digest, third.bytesMoved], [sha256(newer), newer.length]);
        assert(third.why.includes("team/cache has it"), third.why);
        assertEquals(await Deno.readFile(third.path), newer);
      }),
  );
}

for (
  const [what, record] of [
    ["says nothing of the new version", undefined],
    ["has the version before", remembered(body)],
    ["has another size for it", { ...remembered(newer), size: newer.length + 1 }],
    ["gives other bytes than it says", remembered(newer)],
  ] as const
) {
  Deno.test(`a tier that ${what} is overruled by the origin in a refresh`, () =>
    withTier(async ({ tier, origin, run, again }) => {
      tier.isTrusted = true;
      tier.lies = true;
      const first = await run();
      tier.record = record;
      tier.contents = body;
      origin.files.get("/k.tar.gz")!.body = newer;
      const result = await again(first);
      assertEquals(result.digest, sha256(newer));
      assertEquals(sha256(await Deno.readFile(result.path)), sha256(newer));
    }));
}

Deno.test("a tier that has other contents than are published for a release is overruled by the origin in a refresh", () =>
  withTier(async ({ tier, origin, run, again }) => {
    tier.isTrusted = true;
    const path = "/acme/images/releases/download/v1/k.tar.gz";
    const publish = (bytes: Uint8Array) => {
      const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(bytes) }] });
      const file = { body: new TextEncoder().encode(text) };
      origin.files.set("/repos/acme/images/releases/tags/v1", file);
    };
    origin.files.set(path, { body });
    publish(body);
    const options = { url: origin.url(path), releaseApi: origin.url("") };
    const first = await run(options);
    tier.record = { ...remembered(newer), digest: sha256(wrong) };
    tier.contents = wrong;
    origin.files.get(path)!.body = newer;
    publish(newer);
    const result = await again(first, options);
    assertEquals([result.digest, result.requests], [sha256(newer), 2]);
    assertEquals(sha256(await Deno.readFile(result.path)), sha256(newer));
  }));

Deno.test("a tier that has other contents than are published for a release is overruled by the origin at the first use", () =>
  withTier(async ({ tier, origin, run }) => {
    tier.isTrusted = true;
    const path = "/acme/images/releases/download/v1/k.tar.gz";
    const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(newer) }] });
    const file = { body: new TextEncoder().encode(text) };
    origin.files.set("/repos/acme/images/releases/tags/v1", file);
    origin.files.set(path, { body: newer });
    tier.record = { ...remembered(newer), digest: sha256(wrong) };
    tier.contents = wrong;
    const result = await run({ url: origin.url(path), releaseApi: origin.url("") });
    assertEquals(result.digest, sha256(newer));
    assertEquals(sha256(await Deno.readFile(result.path)), sha256(newer));
  }));

Deno.test("RegistryTier that nobody answers for is no harm", async () => {
  await using origin = startOrigin({ "/k.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-tier-" });
  const cache = new Cache(folder, { tier: tierAt("127.0.0.1:1") });
  const result = await cacheKexec({ url: origin.url("/k.tar.gz"), ...quick }, { cache });
  assertEquals(result.digest, sha256(body));
  await Deno.remove(folder, { recursive: true });
});

const impatient = { answerMs: 1500, idleMs: 100, leastBytes: 64 * 1024, keepMs: 100 };

/** What answers every request of a registry, or leaves it waiting. */
type Answer = (request: Request) => Response | Promise<Response>;

/** A cold fetch with a tier that answers so: it is right, and the bytes come from the origin. */
async function withBadTier(
  answer: Answer,
  test: (bench: { paths: string[]; notes: string[]; origin: Origin }) => void,
  options: { sha256?: string } = {},
  waits = impatient,
): Promise<void> {
  const paths: string[] = [];
  const stop = new AbortController();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: stop.signal, onError: lost },
    (request) => {
      paths.push(`${request.method} ${new URL(request.url).pathname.split("/").at(-2)}`);
      return answer(request);
    },
  );
  await using origin = startOrigin({ "/k.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-tier-" });
  const reference = parseReference(`docker://127.0.0.1:${server.addr.port}/team/cache`);
  const tier = new RegistryTier(reference as RegistryReference, { waits, isTrusted: true });
  const notes: string[] = [];
  try {
    const result = await cacheKexec({ url: origin.url("/k.tar.gz"), ...quick, ...options }, {
      cache: new Cache(folder, { tier }),
      report: (event) => event.type === "note" && notes.push(event.message),
    });
    assertEquals(await Deno.readFile(result.path), body);
    assertEquals(result.digest, sha256(body));
    test({ paths, notes, origin });
  } finally {
    stop.abort();
    await Deno.remove(folder, { recursive: true });
  }
}

const lost = () => new Response(null, { status: 500 });
const never = () => new Promise<Response>(() => {});

/** A body of which a byte comes now and then, without an end. */
function trickle(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let timer: ReturnType<typeof setInterval> | undefined;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new Uint8Array([32])), 10);
    },
    cancel: () => clearInterval(timer),
  });
}

Deno.test("RegistryTier that never answers is asked once, and lent nothing", () =>
  withBadTier(never, ({ paths, notes }) => {
    assertEquals(paths, ["GET manifests"]);
    assertEquals(notes.filter((note) => note.includes("of no use")).length, 1);
    assertEquals(notes.some((note) => note.includes("did not take")), false);
  }));

Deno.test("RegistryTier that never answers for pinned contents is asked once, and lent nothing", () =>
  withBadTier(never, ({ paths }) => assertEquals(paths, ["HEAD blobs"]), { sha256: sha256(body) }));

Deno.test("RegistryTier whose manifest never ends is given up", () =>
  withBadTier(
    () => new Response(trickle(), { headers: { "content-type": MediaType.ociManifest } }),
    ({ paths, notes }) => {
      assertEquals(paths, ["GET manifests"]);
      assertStringIncludes(notes.join(), "no sign of life");
    },
  ));

Deno.test("RegistryTier whose contents come too slowly is given up for the origin", () =>
  withBadTier(
    ({ method }) =>
      method === "HEAD"
        ? new Response(null, { headers: { "content-length": String(body.length) } })
        : new Response(trickle(), { headers: { "content-length": String(body.length) } }),
    ({ notes, origin }) => {
      assertStringIncludes(notes.join(), "no sign of life");
      assertEquals(origin.sentBytes, body.length);
    },
    { sha256: sha256(body) },
  ));

Deno.test("a tier whose contents break off midway is no harm", () =>
  withTier(async ({ tier, run, notes }) => {
    tier.open = () => {
      let sent = 0;
      const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull(controller) {
          if (sent++ === 0) controller.enqueue(body.slice(0, 1000));
          else controller.error(new Error("connection reset"));
        },
      });
      return Promise.resolve({ stream, size: body.length });
    };
    const result = await run({ sha256: sha256(body) });
    assertEquals(await Deno.readFile(result.path), body);
    assertStringIncludes(notes.join(), "connection reset");
  }));

Deno.test("RegistryTier that takes an upload and never answers is waited for no longer than it may", () =>
  withBadTier(
    ({ method, url }) =>
      method === "GET" || method === "HEAD"
        ? new Response(null, { status: 404 })
        : method === "POST"
        ? new Response(null, { status: 202, headers: { location: `${url}x` } })
        : never(),
    ({ paths, notes }) => {
      assert(paths.some((path) => path.startsWith("POST")), paths.join());
      assertStringIncludes(notes.join(), "did not take the file");
    },
    {},
    { ...impatient, answerMs: 20_000, keepMs: 3000 },
  ));
