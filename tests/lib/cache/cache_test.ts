/** The folder of a cache: its buckets, layers, locks and settings. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, TimedOutError, UsageError } from "../../../lib/base/errors.ts";
import { CacheBucket } from "../../../lib/cache/bucket.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { lockTimeoutMs } from "../../../lib/cache/lock_timeout.ts";
import { openCache } from "../../../lib/cache/open_cache.ts";
import { cachedSchema, withPatientCache } from "../../support/cache_ground.ts";
import { treeOf } from "../../support/tree.ts";

const streamOf = (text: string): ReadableStream<Uint8Array> => new Blob([text]).stream();

Deno.test("the README of the cache names every bucket with its version", async () => {
  const readme = new URL("../../../lib/cache/README.md", import.meta.url);
  const rows = [...(await Deno.readTextFile(readme)).matchAll(/^\| `([a-z]+)` +\| (\d+) +\|/gm)];
  const named = rows.map(([, name, version]) => `${name}-v${version}`);
  assertEquals(named, Object.values(buckets).map(({ folder }) => folder));
});

Deno.test("CacheBucket refuses a name that no folder of a bucket has, and a version that is none", () => {
  const make = (name: string, version: number) => () =>
    new CacheBucket({ name, version, kind: "pointers", description: "" });
  for (const name of ["", "two words", "a-b", "a/b", "..", "Big", "n1"]) {
    assertThrows(make(name, 1), TypeError, JSON.stringify(name));
  }
  for (const version of [-1, 1.5, NaN]) assertThrows(make("a", version), RangeError, `${version}`);
});

Deno.test("Cache touches no disk until something is written", () =>
  withPatientCache(async (cache) => {
    assertEquals(await cache.entry(buckets.kexec, "key", cachedSchema).read(), undefined);
    assertEquals(await cache.blobs.has(sha256("a")), false);
    await assertRejects(() => Deno.stat(cache.dir), Deno.errors.NotFound);
  }));

Deno.test("Cache writes its markers with the first entry and leaves existing ones alone", () =>
  withPatientCache(async (cache) => {
    await Deno.mkdir(cache.dir, { recursive: true });
    await Deno.writeTextFile(join(cache.dir, ".gitignore"), "mine\n");
    await cache.entry(buckets.kexec, "key", cachedSchema).write({ digest: "x" });
    const tag = await Deno.readTextFile(join(cache.dir, "CACHEDIR.TAG"));
    assert(tag.startsWith("Signature: 8a477f597d28d172789f06886806bc55\n"));
    assertEquals(await Deno.readTextFile(join(cache.dir, ".gitignore")), "mine\n");
  }));

Deno.test("Cache looks into a read-only layer below it and never writes there", () =>
  withPatientCache(async (lower) => {
    const entry = lower.entry(buckets.kexec, "k", cachedSchema);
    const blob = await lower.blobs.persist(streamOf("below"));
    await entry.write({ digest: blob.digest }, { refs: [blob.digest] });
    const before = await treeOf(lower.dir);
    await withPatientCache(async (upper) => {
      const cache = new Cache(upper.dir, { lower: lower.dir });
      const record = await cache.entry(buckets.kexec, "k", cachedSchema).read();
      assertEquals(record?.lower, true);
      assertEquals((await cache.blobs.find(blob.digest))?.path, blob.path);
      await cache.entry(buckets.kexec, "k", cachedSchema).update({ digest: "new" });
      assertEquals(
        (await cache.entry(buckets.kexec, "k", cachedSchema).read())?.value.digest,
        "new",
      );
    });
    assertEquals(await treeOf(lower.dir), before);
  }));

Deno.test("Cache.lock() of one name is held by one at a time", () =>
  withPatientCache(async (cache) => {
    using _lock = await cache.lock("a");
    using _other = await cache.lock("b", { timeoutMs: 0 });
    await assertRejects(() => cache.lock("a", { timeoutMs: 20 }), TimedOutError);
  }));

Deno.test("Cache can be moved: nothing in it names its root", () =>
  withPatientCache(async (cache) => {
    const blob = await cache.blobs.persist(streamOf("x"));
    await cache.entry(buckets.kexec, "k", cachedSchema).write({ digest: blob.digest });
    const moved = `${cache.dir}-moved`;
    await Deno.rename(cache.dir, moved);
    const there = new Cache(moved);
    assertEquals(
      (await there.entry(buckets.kexec, "k", cachedSchema).read())?.value.digest,
      blob.digest,
    );
    assertEquals(await there.blobs.has(blob.digest), true);
    for (const [path, text] of await treeOf(moved)) assert(!text.includes(cache.dir), path);
  }));

Deno.test("Cache says why its folder cannot be made", () =>
  withPatientCache(async (cache) => {
    await Deno.writeTextFile(cache.dir, "a file");
    const entry = cache.entry(buckets.kexec, "k", cachedSchema);
    await assertRejects(() => entry.write({ digest: "x" }), KedgeError, cache.dir);
  }));

Deno.test("CacheShard keeps its entries apart, and has a lock of its own", () =>
  withPatientCache(async (cache) => {
    const one = cache.bucket(buckets.oci).shard("../one");
    const two = cache.bucket(buckets.oci).shard("two");
    await one.entry("k", cachedSchema).write({ digest: "1" });
    await two.entry("k", cachedSchema).write({ digest: "2" });
    assertEquals((await one.entry("k", cachedSchema).read())?.value.digest, "1");
    assert(one.dir.startsWith(join(cache.dir, "oci-v1")));
    using _lock = await one.lock();
    using _other = await two.lock({ timeoutMs: 0 });
    await assertRejects(() => one.lock({ timeoutMs: 10 }), TimedOutError);
  }));

Deno.test("openCache() reads the lower cache and the tier from the environment", () => {
  const lower = import.meta.dirname!;
  const env: Record<string, string> = {
    KEDGE_CACHE_LOWER: lower,
    KEDGE_CACHE_TIER: "docker://127.0.0.1:5000/team/cache",
  };
  const cache = openCache("/upper", (name) => env[name]);
  assertEquals([cache.dir, cache.lower], ["/upper", lower]);
  assertEquals(cache.tier?.label, "the tier 127.0.0.1:5000/team/cache");
  assertEquals(cache.tier?.isTrusted, false);
  const trusting = { ...env, KEDGE_CACHE_TIER_TRUSTED: "1" };
  const trusted = openCache("/upper", (name) => (trusting as Record<string, string>)[name]);
  assertEquals(trusted.tier?.isTrusted, true);
  for (const tier of ["oci:folder", "host/repository", "docker://", "docker://host/Repository"]) {
    const env = (name: string) => name === "KEDGE_CACHE_TIER" ? tier : undefined;
    assertThrows(
      () => openCache("/c", env),
      UsageError,
      `Cannot use KEDGE_CACHE_TIER ${JSON.stringify(tier)}`,
    );
  }
});

Deno.test("lockTimeoutMs() reads seconds, and refuses what is none", () => {
  assertEquals(lockTimeoutMs(() => undefined), 300_000);
  assertEquals(lockTimeoutMs(() => "0.5"), 500);
  for (const text of ["soon", "-1"]) assertThrows(() => lockTimeoutMs(() => text), UsageError);
});

Deno.test({
  name: "Cache needs no variable of the environment, and takes none that it may not read",
  permissions: { env: false, read: true, write: true },
  fn: () =>
    withPatientCache(async (cache) => {
      using _use = await cache.use();
      assertEquals(lockTimeoutMs(), 300_000);
    }),
});
