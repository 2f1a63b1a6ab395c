import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { cachePrune } from "../../../tasks/cache/cache.ts";
import { dayMs, put, withCache } from "../../support/cache_ground.ts";

Deno.test("cache:prune leaves what another machine leases while others use the cache, though the clock is days ahead", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "k", "x", 400);
    await cache.ensure(cache.leases.dir);
    await Deno.writeTextFile(
      join(cache.leases.dir, "1.1.elsewhere1-00000000.lease"),
      `${digest}\n`,
    );
    const ahead = new Cache(cache.dir, { now: () => Date.now() + 3 * dayMs });
    {
      using _use = await cache.use();
      for (const force of [false, true]) {
        assertEquals((await cachePrune({ maxSize: 0, force }, { cache: ahead })).changed, false);
        assertEquals(await cache.blobs.has(digest), true);
      }
    }
    await cachePrune({ maxSize: 0 }, { cache: ahead });
    assertEquals(await cache.blobs.has(digest), false);
  }));
