import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join, relative } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { UnreachableError, UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { idleNames } from "../../../lib/cache/refresh.ts";
import { file, next, small, withOrigin } from "../../support/kexec_origin.ts";
import { treeOf } from "../../support/tree.ts";

Deno.test("cacheKexec() with refresh asks once and moves nothing when the server answers 304", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    const asked = await run({}, { refresh: "all" });
    assertEquals([asked.changed, asked.bytesMoved, asked.requests], [false, 0, 1]);
    assertStringIncludes(asked.why, "304");
    assertEquals(origin.requests.at(-1)?.status, 304);
  }));

Deno.test("cacheKexec() with refresh asks once in a run, however often it is called", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    await run();
    const cache = new Cache(dir);
    await run({}, { refresh: "all", cache });
    await run({}, { refresh: "all", cache });
    assertEquals(origin.requests.length, 2);
  }));

Deno.test("cacheKexec() refreshes by name only what is named", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    await run({}, { refresh: ["other"] });
    assertEquals(origin.requests.length, 1);
    await run({}, { refresh: [origin.url("/bundle.tar.gz")] });
    assertEquals(origin.requests.length, 2);
  }));

Deno.test("cacheKexec() refreshes by the path of what is in the cache, however it is written", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const { path } = await run();
    await run({}, { refresh: [`${path}.other`, "./b.tar.gz"] });
    assertEquals(origin.requests.length, 1);
    const linked = `${dir}-link`;
    await Deno.symlink(dir, linked);
    const paths = [path, relative(Deno.cwd(), path), join(linked, relative(dir, path))];
    for (const [index, each] of paths.entries()) {
      const refresh = [each];
      await run({}, { refresh });
      assertEquals(origin.requests.length, index + 2, each);
      assertEquals(idleNames(refresh), []);
    }
    await Deno.remove(linked);
  }));

Deno.test("cacheKexec() with refresh brings what changed and keeps the version before", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const first = await run();
    file(origin).body = next;
    assertEquals((await run()).digest, sha256(small));
    const second = await run({}, { refresh: "all" });
    assertEquals(second.digest, sha256(next));
    assertEquals(second.path, first.path);
    assertEquals(await Deno.readFile(second.path), next);
    assertEquals(await new Cache(dir).blobs.has(first.digest!), true);
  }));

Deno.test("cacheKexec() with maxAge asks again only when the entry is older", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    await run();
    const in1h = new Cache(dir, { now: () => Date.now() + 3_600_000 });
    await run({ maxAge: "2h" }, { cache: in1h });
    assertEquals(origin.requests.length, 1);
    await run({ maxAge: "30m" }, { cache: in1h });
    assertEquals(origin.requests.at(-1)?.status, 304);
    const shortly = new Cache(dir, { now: () => Date.now() + 3_610_000 });
    await run({ maxAge: "30m" }, { cache: shortly });
    assertEquals(origin.requests.length, 2);
  }));

Deno.test("cacheKexec() with maxAge origin asks again when the origin said so, also after a 304", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const at = (seconds: number) =>
      run({ maxAge: "origin" }, {
        cache: new Cache(dir, { now: () => Date.now() + seconds * 1000 }),
      });
    file(origin).headers = { "cache-control": "max-age=100" };
    await at(0);
    assertEquals((await at(90)).requests, 0);
    assertEquals((await at(110)).requests, 1);
    assertEquals((await at(200)).requests, 0);
    file(origin).headers = { "cache-control": "no-cache" };
    assertEquals((await at(220)).requests, 1);
    assertEquals((await at(221)).requests, 1);
  }));

Deno.test("cacheKexec() keeps to what the origin said with a version where its 304 says nothing of it (RFC 9111, section 3.2)", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const at = (seconds: number, staleIfError = false) =>
      run({ maxAge: "origin", staleIfError }, {
        cache: new Cache(dir, { now: () => Date.now() + seconds * 1000 }),
      });
    file(origin).headers = { "cache-control": "max-age=100, must-revalidate" };
    await at(0);
    file(origin).headers = {};
    assertEquals((await at(110)).requests, 1);
    assertEquals((await at(200)).requests, 0);
    file(origin).headers = { expires: new Date(0).toUTCString() };
    assertEquals((await at(220)).requests, 1);
    assertEquals((await at(221)).requests, 1);
    file(origin).faults = Array.from({ length: 3 }, () => ({ status: 503 }));
    await assertRejects(() => at(222, true), UnreachableError);
  }));

Deno.test("cacheKexec() does not use stale what the origin says must be asked for", () =>
  withOrigin(small, async ({ origin, run }) => {
    file(origin).headers = { "cache-control": "must-revalidate" };
    await run();
    file(origin).faults = Array.from({ length: 3 }, () => ({ status: 503 }));
    await assertRejects(() => run({ staleIfError: true }, { refresh: "all" }), UnreachableError);
  }));

Deno.test("cacheKexec() offline uses what is there and refuses what is not", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    const error = await assertRejects(() => run({}, { offline: true }), UnreachableError);
    assertStringIncludes(error.hint!, "--offline");
    assertEquals(origin.requests.length, 0);
    assertEquals(await treeOf(join(dir, "blobs-v1")), new Map());
    await run();
    const result = await run({ maxAge: 0 }, { offline: true });
    assertEquals([result.changed, result.requests], [false, 0]);
    await assertRejects(() => run({}, { offline: true, refresh: "all" }), UsageError);
  }));

Deno.test("cacheKexec() offline uses what is stale, whatever it varies by (stale_request_ignores_freshness_and_vary)", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    file(origin).headers = { "cache-control": "max-age=0", vary: "Cookie" };
    await run();
    const tomorrow = new Cache(dir, { now: () => Date.now() + 86_400_000 });
    const result = await run({ maxAge: "origin" }, { offline: true, cache: tomorrow });
    assertEquals([result.changed, result.requests], [false, 0]);
    assertEquals((await run({ maxAge: "origin" })).requests, 1);
  }));

Deno.test("cacheKexec() does not believe an entry that claims to be confirmed in the future", () =>
  withOrigin(small, async ({ origin, run, dir }) => {
    await run({}, { cache: new Cache(dir, { now: () => Date.now() + 1e9 }) });
    assertEquals((await run({}, { refresh: "all" })).requests, 1);
    await run({}, { cache: new Cache(dir, { now: () => Date.now() + 1e9 }), refresh: "all" });
    assertEquals((await run({ maxAge: "1d" })).requests, 1);
    assertEquals(origin.requests.length, 4);
  }));

Deno.test("cacheKexec() uses what it has when asking again fails, if that is wanted", () =>
  withOrigin(small, async ({ origin, run }) => {
    await run();
    file(origin).faults = Array.from({ length: 6 }, () => ({ status: 503 }));
    await assertRejects(() => run({}, { refresh: "all" }), UnreachableError);
    const result = await run({ staleIfError: true }, { refresh: "all" });
    assertEquals([result.changed, result.digest], [false, sha256(small)]);
  }));
