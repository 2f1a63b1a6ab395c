/** What cache:prune removes by the limits that it is given. */
import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { cacheList, cachePrune } from "../../../tasks/cache/cache.ts";
import { cachedSchema, orphan, put, reasonsOf, withCache } from "../../support/cache_ground.ts";
import { treeOf } from "../../support/tree.ts";

Deno.test("cache:prune --ci where there is no cache is not an error", () =>
  withCache(async (cache) => {
    assertEquals((await cachePrune({ ci: true }, { cache })).changed, false);
    await assertRejects(() => Deno.stat(cache.dir), Deno.errors.NotFound);
  }));

Deno.test("cache:prune --ci drops partial downloads and the version before the present one", () =>
  withCache(async (cache) => {
    const present = await put(cache, "k", "now");
    const before = await orphan(cache, "before");
    const entry = cache.entry(buckets.kexec, "k", cachedSchema);
    const previous = [{ digest: before, size: 6, fetched: "2026-01-01" }];
    await entry.write({ digest: present, previous }, { refs: [present, before], spare: [before] });
    const partial = await cache.partials.claim("some");
    await cache.partials.release("some", partial);
    assertEquals((await cachePrune({}, { cache })).changed, false);
    await cachePrune({ ci: true }, { cache });
    assertEquals([await cache.blobs.has(present), await cache.blobs.has(before)], [true, false]);
    assertEquals(await cache.partials.find("some"), undefined);
  }));

Deno.test("cache:prune by age removes what was not used for so long", () =>
  withCache(async (cache) => {
    const old = await put(cache, "old", "1", 40);
    const young = await put(cache, "young", "2", 20);
    await cachePrune({ maxAge: "30d" }, { cache });
    assertEquals([await cache.blobs.has(old), await cache.blobs.has(young)], [false, true]);
  }));

Deno.test("cache:prune by size removes what was not used for longest until the rest fits", () =>
  withCache(async (cache) => {
    const digests = [];
    for (const [index, days] of [3, 1, 2].entries()) {
      digests.push(await put(cache, `k${index}`, String(index).repeat(1000), days));
    }
    const result = await cachePrune({ maxSize: 2000 }, { cache });
    assertEquals(reasonsOf(result)[0], "pointer: to make room");
    assertEquals(await Promise.all(digests.map((digest) => cache.blobs.has(digest))), [
      false,
      true,
      true,
    ]);
    await cachePrune({ maxSize: 0 }, { cache });
    assertEquals(await cacheList({ cache }), []);
  }));

Deno.test("cache:prune by size counts what two entries share once, and frees it with the second", () =>
  withCache(async (cache) => {
    const shared = await put(cache, "a", "s".repeat(1000), 3);
    await put(cache, "b", "s".repeat(1000), 2);
    assertEquals((await cachePrune({ maxSize: 1000 }, { cache })).changed, false);
    await cachePrune({ maxSize: 999 }, { cache });
    assertEquals(await cache.blobs.has(shared), false);
  }));

Deno.test("cache:prune by free disk removes nothing where there is room, and all where there never is", () =>
  withCache(async (cache) => {
    await put(cache, "a", "1");
    assertEquals((await cachePrune({ minFree: 1 }, { cache })).changed, false);
    await cachePrune({ minFree: 2 ** 60 }, { cache });
    assertEquals(await cacheList({ cache }), []);
  }));

Deno.test("cache:prune in a dry run foresees what the run removes, and changes nothing", () =>
  withCache(async (cache) => {
    await put(cache, "old", "1", 40);
    await orphan(cache, "2");
    const tree = await treeOf(cache.dir);
    const foreseen = await cachePrune({ maxAge: "30d" }, { cache, dryRun: true });
    assertEquals(await treeOf(cache.dir), tree);
    const done = await cachePrune({ maxAge: "30d" }, { cache });
    assertEquals(foreseen.plan.items, done.plan.items);
    assertEquals([foreseen.files, foreseen.bytes], [done.files, done.bytes]);
  }));

Deno.test("cache:prune refuses limits that are none", async () => {
  const cache = new Cache("/none");
  await assertRejects(() => cachePrune({ maxSize: -1 }, { cache }), UsageError);
  await assertRejects(() => cachePrune({ maxAge: "soon" }, { cache }), UsageError);
});
