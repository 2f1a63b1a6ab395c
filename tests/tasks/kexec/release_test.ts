import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { next, noted, small, withOrigin } from "../../support/kexec_origin.ts";
import { treeOf } from "../../support/tree.ts";

Deno.test("cacheKexec() holds a release against the digest that its site publishes", () => {
  const path = "/acme/images/releases/download/v1/k.tar.gz";
  return withOrigin(small, async ({ origin, run, dir }) => {
    const api = { body: new Uint8Array() };
    const publish = (text: string) => api.body = new TextEncoder().encode(text);
    origin.files.set("/repos/acme/images/releases/tags/v1", api);
    const assets = (digest: string | null) =>
      JSON.stringify({ assets: [{ name: "k.tar.gz", digest }] });
    publish(assets(sha256(next)));
    const options = { releaseApi: origin.url("") };
    const foreseen = await run(options, { dryRun: true });
    await assertRejects(() => run(options), VerificationError, "was published for it");
    assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
    publish(assets(sha256(small)));
    const result = await run(options);
    assertEquals([result.digest, result.requests], [sha256(small), foreseen.requests]);
    assertEquals((await run(options)).requests, 0);
    for (const text of [assets(null), "{}", "not JSON"]) {
      await Deno.remove(dir, { recursive: true });
      publish(text);
      assertEquals((await run(options)).digest, sha256(small));
    }
    origin.files.delete("/repos/acme/images/releases/tags/v1");
    await Deno.remove(dir, { recursive: true });
    assertEquals((await run(options)).digest, sha256(small));
  }, path);
});

Deno.test("cacheKexec() with refresh asks the site of a release for the digest, and the file only if that is another", () => {
  const path = "/acme/images/releases/download/v1/k.tar.gz";
  const api = "/repos/acme/images/releases/tags/v1";
  return withOrigin(small, async ({ origin, run }) => {
    const publish = (body: Uint8Array) => {
      const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(body) }] });
      origin.files.set(api, { body: new TextEncoder().encode(text) });
    };
    publish(small);
    const options = { releaseApi: origin.url("") };
    await run(options);
    origin.files.get(path)!.etag = '"of-another-node"';
    origin.requests.length = 0;
    const same = await run(options, { refresh: "all" });
    assertEquals([same.changed, same.bytesMoved, same.requests], [false, 0, 1]);
    assertStringIncludes(same.why, "its release still publishes this digest");
    assertEquals(origin.requests.map(({ path }) => path), [api]);

    publish(next);
    origin.files.get(path)!.body = next;
    const foreseen = await run(options, { refresh: "all", dryRun: true });
    const changed = await run(options, { refresh: "all" });
    assertEquals([changed.digest, changed.requests], [sha256(next), foreseen.requests]);
    assertEquals(changed.requests, 2);

    origin.files.delete(api);
    const unreachable = await run(options, { refresh: "all" });
    assertEquals([unreachable.digest, unreachable.changed], [sha256(next), false]);
    assertEquals(origin.requests.at(-1)?.status, 304);
  }, path);
});

Deno.test("cacheKexec() says that its release publishes another digest than the origin's, and asks again next time", () => {
  const path = "/acme/images/releases/download/v1/k.tar.gz";
  return withOrigin(small, async ({ origin, run, dir }) => {
    const text = JSON.stringify({ assets: [{ name: "k.tar.gz", digest: sha256(next) }] });
    const options = { releaseApi: origin.url(""), maxAge: "30m" };
    await run({ ...options, releaseApi: false });
    origin.files.set("/repos/acme/images/releases/tags/v1", {
      body: new TextEncoder().encode(text),
    });
    const { report, notes } = noted();
    const in1h = new Cache(dir, { now: () => Date.now() + 3_600_000 });
    const doubted = await run(options, { report, cache: in1h });
    assertEquals([doubted.digest, doubted.changed], [sha256(small), false]);
    assertEquals(notes, [
      `${origin.url(path)} is unchanged, says its origin, but ${sha256(next)} was published ` +
      "for it; asking again next time",
    ]);
    const shortly = new Cache(dir, { now: () => Date.now() + 3_610_000 });
    assertEquals((await run(options, { cache: shortly })).requests, 2);
  }, path);
});

for (
  const { what, answer, idleTimeoutMs, state } of [
    {
      what: "does not answer",
      answer: { delayMs: 60_000 },
      idleTimeoutMs: 1000,
      state: "no answer within 1000 ms",
    },
    {
      what: "stops midway",
      answer: { stallAfter: 3 },
      idleTimeoutMs: 1000,
      state: "no answer within 1000 ms",
    },
    {
      what: "answers with a page",
      answer: {},
      idleTimeoutMs: 30_000,
      state: "the answer is not of a release",
    },
  ]
) {
  Deno.test(`cacheKexec() goes on without the site of a release that ${what}`, () => {
    const path = "/acme/images/releases/download/v1/k.tar.gz";
    const api = "/repos/acme/images/releases/tags/v1";
    return withOrigin(small, async ({ origin, run }) => {
      const body = new TextEncoder().encode("<html>\n");
      origin.files.set(api, { body, faults: Array(3).fill(answer) });
      const { report, notes } = noted();
      const options = { releaseApi: origin.url(""), idleTimeoutMs };
      assertEquals((await run(options, { report })).digest, sha256(small));
      assertEquals(notes.filter((note) => note.startsWith("nobody")), [
        "nobody vouches for the contents: Cannot ask for the digests of the release " +
        `${origin.url(api)}: ${state}`,
      ]);
    }, path);
  });
}
