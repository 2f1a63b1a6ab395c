/** The use of a cache, and leases, that many want at once. */
import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { sha256 } from "../../../lib/base/digest.ts";
import { TimedOutError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { withPatientCache } from "../../support/cache_ground.ts";

Deno.test("Cache.use() keeps the root locked until its last holder is done", () =>
  withPatientCache(async (cache) => {
    const first = await cache.use();
    const second = await cache.use();
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await assertRejects(() => cache.lockRoot({ timeoutMs: 20 }), TimedOutError, cache.dir);
    second[Symbol.dispose]();
    (await cache.lockRoot({ timeoutMs: 20 }))[Symbol.dispose]();
  }));

Deno.test("Cache.use() of one who gives up leaves the others waiting, and the last of them ends the wait", () =>
  withPatientCache(async (cache) => {
    await cache.ensure(cache.dir);
    const root = await cache.lockRoot();
    const [first, second] = [new AbortController(), new AbortController()];
    const waits = [first, second].map(({ signal }) => cache.use({ signal }));
    const third = cache.use();
    first.abort(new Error("the first gave up"));
    await assertRejects(() => waits[0]!, Error, "the first gave up");
    second.abort(new Error("the second gave up"));
    await assertRejects(() => waits[1]!, Error, "the second gave up");
    root[Symbol.dispose]();
    (await third)[Symbol.dispose]();
    (await cache.lockRoot({ timeoutMs: 20 }))[Symbol.dispose]();
  }));

Deno.test("Leases.take() comes back once the lease is written, whoever asked for it first", () =>
  withPatientCache(async (cache) => {
    const digest = sha256("wanted by two");
    const pruned = Promise.withResolvers<void>();
    const lock = cache.lock.bind(cache);
    cache.lock = (name, options) => pruned.promise.then(() => lock(name, options));
    const both = [cache.leases.take(digest), cache.leases.take(digest)];
    let early = 0;
    for (const each of both) each.then(() => early++, () => {});
    // Whatever does not wait for the lock is there after a turn of the event loop.
    await delay(0);
    assertEquals(early, 0);
    pruned.resolve();
    await Promise.all(both);
    assertEquals((await cache.leases.read()).leased, new Set([digest]));
  }));

Deno.test("Leases.hold() keeps what many ask for at once, whether it waits for the lock with others or comes later", () =>
  withPatientCache(async (cache) => {
    const first = Array.from({ length: 20 }, (_, i) => sha256(`first ${i}`));
    const later = Array.from({ length: 20 }, (_, i) => sha256(`later ${i}`));
    await Promise.all(first.map((digest) => cache.leases.hold(digest)));
    assertEquals((await cache.leases.read()).leased, new Set(first));
    await Promise.all([...later, first[0]!].map((digest) => cache.leases.hold(digest)));
    assertEquals((await cache.leases.read()).leased, new Set([...first, ...later]));
    cache.leases.drop();
    assertEquals((await cache.leases.read()).leased, new Set());
  }));

Deno.test("Leases.take() tries again what could not be leased", () =>
  withPatientCache(async (before) => {
    const cache = new Cache(before.dir, { lockTimeoutMs: 20 });
    const digest = sha256("wanted twice");
    {
      using _pruning = await cache.lock("leases");
      await assertRejects(() => cache.leases.take(digest), TimedOutError);
    }
    await cache.leases.take(digest);
    assertEquals((await cache.leases.read()).leased, new Set([digest]));
  }));
