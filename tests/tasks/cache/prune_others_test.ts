/** What cache:prune leaves to others who use the cache, and takes of those who ended. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { basename, dirname, join } from "@std/path";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { collectDaily } from "../../../lib/cache/collect_daily.ts";
import { nameBlob, namedFilePath } from "../../../lib/cache/named_file.ts";
import { cachePrune } from "../../../tasks/cache/cache.ts";
import {
  cachedSchema,
  dayMs,
  orphan,
  put,
  reasonsOf,
  withCache,
} from "../../support/cache_ground.ts";

const hostBoot = "1.1.elsewhere1-00000000";

Deno.test("cache:prune lets young things be while others use the cache, unless force says otherwise", () =>
  withCache(async (cache) => {
    const digest = await orphan(cache, "x");
    using _use = await cache.use();
    const other = new Cache(cache.dir);
    const notes: string[] = [];
    const report = (event: { type: string; message?: string }) => notes.push(event.message ?? "");
    assertEquals((await cachePrune({}, { cache: other, report })).changed, false);
    assertStringIncludes(notes.join(), "in use");
    assertEquals(await cache.blobs.has(digest), true);
    const later = new Cache(cache.dir, { now: () => Date.now() + 2 * 3_600_000 });
    assertEquals((await cachePrune({}, { cache: later, dryRun: true })).files, 1);
    assertEquals((await cachePrune({ force: true }, { cache: other })).files, 1);
  }));

Deno.test("cache:prune leaves the named file of a bundle whose pointer is about to be written", () =>
  withCache(async (cache) => {
    const path = namedFilePath(cache.dir, "https://a/b.tar.gz", "b.tar.gz");
    const later = new Cache(cache.dir, { now: () => Date.now() + 2 * 3_600_000 });
    {
      using _use = await cache.use();
      const digest = await orphan(cache, "x");
      await nameBlob(path, (await cache.blobs.find(digest))!, (folder) => cache.ensure(folder));
      for (const other of [new Cache(cache.dir), later]) {
        assertEquals((await cachePrune({}, { cache: other })).changed, false);
      }
      assertEquals(await Deno.readTextFile(path), "x");
    }
    assertEquals(reasonsOf(await cachePrune({}, { cache: later, dryRun: true })), [
      "file: nothing refers to it",
      "blob: nothing refers to it",
    ]);
  }));

Deno.test("cache:prune leaves what a live process leases, whatever the limits say", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "k", "x", 400);
    const free = await orphan(cache, "free");
    await cache.leases.take(digest);
    const other = new Cache(cache.dir);
    await cachePrune({ maxAge: "1d", maxSize: 0 }, { cache: other });
    assertEquals([await cache.blobs.has(digest), await cache.blobs.has(free)], [true, false]);
  }));

Deno.test("cache:prune leaves a blob without a pointer while its writer uses the cache, even if locks lie", () =>
  withCache(async (cache) => {
    using use = await cache.use();
    const digest = await orphan(cache, "x");
    const other = new Cache(cache.dir);
    await cachePrune({ force: true }, { cache: other });
    assertEquals(await cache.blobs.has(digest), true);
    use[Symbol.dispose]();
    await cachePrune({}, { cache: other });
    assertEquals(await cache.blobs.has(digest), false);
  }));

Deno.test("cache:prune takes the leases of dead processes, and old ones of other machines, for nothing", () =>
  withCache(async (cache) => {
    const digest = await orphan(cache, "x");
    await cache.leases.take(digest);
    const [own] = await Array.fromAsync(Deno.readDir(cache.leases.dir));
    const dead = join(cache.leases.dir, own!.name.replace(/^\d+\.\d+/, "999999999.1"));
    await Deno.rename(join(cache.leases.dir, own!.name), dead);
    const far = join(cache.leases.dir, `${hostBoot}.lease`);
    await Deno.writeTextFile(far, `${digest}\n`);
    const other = new Cache(cache.dir);
    const result = await cachePrune({}, { cache: other });
    assertEquals(reasonsOf(result), ["lease: left by a process that ended"]);
    assertEquals(await cache.blobs.has(digest), true);
    await Deno.utime(far, new Date(0), new Date(0));
    await cachePrune({}, { cache: other });
    assertEquals(await cache.blobs.has(digest), false);
  }));

Deno.test("cache:prune sweeps what killed processes left, and nothing of live ones", () =>
  withCache(async (cache) => {
    const live = await cache.temporaryFolder("live");
    const temporary = join(cache.dir, buckets.temporary.folder);
    await Deno.mkdir(join(temporary, "dead.tmp-999999999-00000000"));
    await Deno.writeTextFile(join(temporary, "dead.tmp-999999999-00000000", "f"), "x");
    const claimed = await cache.partials.claim("mine");
    const dead = join(cache.partials.dir, basename(claimed).replace(/-\d+\.\d+/, "-999999999.1"));
    await Deno.mkdir(dead);
    await Deno.mkdir(`${dead.slice(0, -1)}${dead.endsWith("0") ? "1" : "0"}`);
    const result = await cachePrune({}, { cache });
    assertEquals(reasonsOf(result).sort(), [
      "partial: left by a process that ended",
      "temporary: left by a process that ended",
    ]);
    await Deno.stat(live.path);
    await Deno.stat(claimed);
    await live[Symbol.asyncDispose]();
  }));

Deno.test("collectDaily() runs once a day, first when the cache is a day old, and not while others use it", () =>
  withCache(async (cache) => {
    await orphan(cache, "x");
    assertEquals(await collectDaily(cache), undefined);
    await Deno.utime(
      join(cache.dir, "CACHEDIR.TAG"),
      new Date(),
      new Date(Date.now() - 1.1 * dayMs),
    );
    {
      using _use = await cache.use();
      assertEquals(await collectDaily(new Cache(cache.dir)), undefined);
    }
    assertEquals((await collectDaily(cache))?.files, 1);
    assertEquals(await collectDaily(cache), undefined);
    const tomorrow = new Cache(cache.dir, { now: () => Date.now() + 1.1 * dayMs });
    assertEquals((await collectDaily(tomorrow))?.files, 0);
  }));

Deno.test("cache:prune sweeps what killed processes were writing beside pointers and named files", () =>
  withCache(async (cache) => {
    await put(cache, "https://a/b.tar.gz", "x");
    const beside = [
      cache.entry(buckets.kexec, "https://a/b.tar.gz", cachedSchema).path,
      cache.entry(buckets.nars, "never written", cachedSchema).path,
      namedFilePath(cache.dir, "https://a/b.tar.gz", "f"),
    ];
    const [dead, live] = [2 ** 22 + 1, Deno.ppid || 1].map((pid) =>
      beside.map((path) => `${path}.tmp-${pid}-00000000`)
    );
    for (const path of [...dead!, ...live!]) {
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, "half");
    }
    {
      using _use = await cache.use();
      assertEquals((await cachePrune({}, { cache: new Cache(cache.dir) })).changed, false);
    }
    const { plan, files } = await cachePrune({}, { cache });
    assertEquals(
      plan.items.map(({ kind, path }) => [kind, path]).toSorted(),
      [
        ...dead!.map((path) => ["temporary", path]),
      ].toSorted(),
    );
    assertEquals([
      files,
      (await Promise.all(live!.map((path) => Deno.readTextFile(path)))).join(" "),
    ], [
      3,
      "half half half",
    ]);
  }));
