/** Tiers that do not answer, are too slow or break off. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { RegistryTier } from "../../../lib/cache/registry_tier.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { parseReference, type RegistryReference } from "../../../lib/oci/reference.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { body, quick, withTier } from "../../support/tier_ground.ts";

const impatient = { answerMs: 1500, idleMs: 100, leastBytes: 64 * 1024, keepMs: 100 };

/** What answers every request of a registry, or leaves it waiting. */
type Answer = (request: Request) => Response | Promise<Response>;

/** A cold fetch with a tier that answers so: it is right, and the bytes come from the origin. */
async function withBadTier(
  answer: Answer,
  test: (bench: { paths: string[]; requests: number; notes: string[]; origin: Origin }) => void,
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
    test({ paths, requests: result.requests, notes, origin });
  } finally {
    stop.abort();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Asserts that this alone was asked of the tier, once: what the origin is asked comes on top. A request that was given up may come or not. */
function askedOnce(what: string, paths: string[], requests: number): void {
  assertEquals(paths.filter((path) => path !== what), []);
  assertEquals(requests, 1 + 1);
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
  withBadTier(never, ({ paths, requests, notes }) => {
    askedOnce("GET manifests", paths, requests);
    assertEquals(notes.filter((note) => note.includes("of no use")).length, 1);
    assertEquals(notes.some((note) => note.includes("did not take")), false);
  }));

Deno.test("RegistryTier that never answers for pinned contents is asked once, and lent nothing", () =>
  withBadTier(never, ({ paths, requests }) => askedOnce("HEAD blobs", paths, requests), {
    sha256: sha256(body),
  }));

Deno.test("RegistryTier whose manifest never ends is given up", () =>
  withBadTier(
    () => new Response(trickle(), { headers: { "content-type": MediaType.ociManifest } }),
    ({ paths, requests, notes }) => {
      askedOnce("GET manifests", paths, requests);
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
