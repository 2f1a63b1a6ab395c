/** Entries of a cache, and those that are misses. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import * as v from "valibot";
import { sha256 } from "../../../lib/base/digest.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { cachedSchema, withPatientCache } from "../../support/cache_ground.ts";

Deno.test("CacheEntry gives back what was written, with who and what it refers to", () =>
  withPatientCache(async (cache) => {
    const entry = cache.entry(buckets.kexec, "https://a/b", cachedSchema);
    const digest = sha256("bytes");
    await entry.write({ digest }, { refs: [digest], by: "kexec" });
    const record = await cache.entry(buckets.kexec, "https://a/b", cachedSchema).read();
    assertEquals(record?.value, { digest });
    assertEquals(record?.refs, [digest]);
    assertEquals(record?.by, "kexec");
  }));

Deno.test("CacheEntry of an older reader keeps the fields of a newer writer when it updates", () =>
  withPatientCache(async (cache) => {
    const newer = v.looseObject({ digest: v.string(), signature: v.string() });
    await cache.entry(buckets.kexec, "k", newer).write({ digest: "x", signature: "s" });
    const older = cache.entry(buckets.kexec, "k", v.looseObject({ digest: v.string() }));
    assertEquals((await older.read())?.value.digest, "x");
    await older.update({ digest: "y" });
    const value = (await cache.entry(buckets.kexec, "k", newer).read())?.value;
    assertEquals(value, { digest: "y", signature: "s" });
  }));

for (
  const [what, text] of [
    ["is cut short", '{"key": "k", "val'],
    ["is of another form", "[]"],
    ["lacks its dates", '{"key": "k", "refs": [], "value": {"digest": "x"}}'],
    [
      "lacks its key",
      '{"created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z", ' +
      '"refs": [], "value": {"digest": "x"}}',
    ],
  ]
) {
  Deno.test(`CacheEntry that ${what} is a miss with a reason`, () =>
    withPatientCache(async (cache) => {
      const entry = cache.entry(buckets.kexec, "k", cachedSchema);
      await entry.write({ digest: "x" });
      await Deno.writeTextFile(entry.path, text!);
      assertEquals((await entry.lookup()).miss?.reason, "unreadable");
      await entry.write({ digest: "z" });
      assertEquals((await entry.read())?.value.digest, "z");
    }));
}

Deno.test("CacheEntry takes the pointer of another key for none (stale_request_rejects_non_matching_cache_entries)", () =>
  withPatientCache(async (cache) => {
    const [mine, other] = ["mine", "other"].map((key) =>
      cache.entry(buckets.kexec, key, cachedSchema)
    );
    await other!.write({ digest: "x" });
    await Deno.mkdir(join(mine!.path, ".."), { recursive: true });
    await Deno.copyFile(other!.path, mine!.path);
    const { miss } = await mine!.lookup();
    assertEquals(miss, { reason: "unreadable", detail: "it is the pointer of another key" });
    assertEquals(await mine!.update({ digest: "y" }), false);
  }));
