/** What cache:verify reads, all at once or within a budget. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { namedFilePath } from "../../../lib/cache/named_file.ts";
import { cacheVerify } from "../../../tasks/cache/cache.ts";
import { orphan, put, withCache } from "../../support/cache_ground.ts";

Deno.test("cache:verify finds a changed blob, moves it away, and lets the rest stand", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "https://a/one", "right");
    const good = await put(cache, "https://a/two", "fine");
    const path = cache.blobs.path(digest);
    await Deno.chmod(path, 0o644);
    await Deno.writeTextFile(path, "wrong");
    const dry = await assertRejects(
      () => cacheVerify({}, { cache, dryRun: true }),
      VerificationError,
      "https://a/one",
    );
    assertEquals(await Deno.readTextFile(path), "wrong");
    assertEquals((dry.data["bad"] as { actual: string }[])[0]?.actual, sha256("wrong"));

    await assertRejects(() => cacheVerify({ refetch: false }, { cache }), VerificationError);
    assertEquals([await cache.blobs.has(digest), await cache.blobs.has(good)], [false, true]);
    const named = namedFilePath(cache.dir, "https://a/one", "f");
    await assertRejects(() => Deno.stat(named), Deno.errors.NotFound);
    assertEquals((await Array.fromAsync(Deno.readDir(join(cache.dir, "quarantine-v1")))).length, 1);
    assertEquals((await cacheVerify({}, { cache })).blobs, 1);
  }));

Deno.test("cache:verify within a budget goes on where the last run stopped", () =>
  withCache(async (cache) => {
    for (let index = 0; index < 5; index++) await orphan(cache, `${index}`.repeat(100));
    const read: number[] = [];
    for (let run = 0; run < 3; run++) {
      const { blobs, complete } = await cacheVerify({ budgetBytes: 200 }, { cache });
      assertEquals([blobs, complete], [2, false]);
      read.push(blobs);
    }
    const last = [...(await Array.fromAsync(cache.blobs.list()))][0]!;
    assertEquals(await Deno.readTextFile(join(cache.dir, ".verify-cursor")), last.digest);
    assertEquals((await cacheVerify({}, { cache })).complete, true);
  }));

Deno.test("cache:verify reads no more bytes than its budget, but one blob at least", () =>
  withCache(async (cache) => {
    const digests: string[] = [];
    for (const text of ["a", "b", "c"]) digests.push(await orphan(cache, text.repeat(100)));
    for (
      const [options, blobs] of [
        [{ budgetBytes: 299 }, 2],
        [{ budgetBytes: 300 }, 3],
        [{ budgetBytes: 99 }, 1],
        [{ budgetBytes: 0 }, 1],
        [{ budget: 0 }, 1],
      ] as const
    ) {
      const read = await cacheVerify(options, { cache });
      assertEquals([read.blobs, read.bytes], [blobs, 100 * blobs], JSON.stringify(options));
    }
    const cursor = await Deno.readTextFile(join(cache.dir, ".verify-cursor"));
    assertEquals(cursor, digests.sort()[(2 + 3 + 1 + 1 + 1 - 1) % 3]);
  }));
