import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, dirname, join } from "@std/path";
import * as v from "valibot";
import { type Digest, sha256 } from "../../lib/base/digest.ts";
import { KedgeError, UsageError, VerificationError } from "../../lib/base/errors.ts";
import { CacheBucket } from "../../lib/cache/bucket.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { nameBlob, namedFilePath } from "../../lib/cache/named_file.ts";
import { collectDaily } from "../../lib/cache/collect_daily.ts";
import { cacheClean, cacheList, cachePrune, cacheVerify, cacheWhy } from "../../tasks/cache.ts";
import { inFolder } from "../support/in_folder.ts";
import { runKedge } from "../support/program.ts";
import { treeOf } from "../support/tree.ts";

const schema = v.looseObject({ digest: v.string() });
const dayMs = 86_400_000;
const hostBoot = "1.1.elsewhere1-00000000";

function withCache(run: (cache: Cache, folder: string) => Promise<void>): Promise<void> {
  return inFolder((folder) =>
    run(new Cache(join(folder, "cache"), { lockTimeoutMs: 1000 }), folder)
  );
}

/** Puts an entry, its blob and the blob's own name. */
async function put(cache: Cache, key: string, text: string, usedDaysAgo = 0): Promise<Digest> {
  const blob = await cache.blobs.persist(new Blob([text]).stream());
  await nameBlob(namedFilePath(cache.dir, key, "f"), blob, (folder) => cache.ensure(folder));
  const entry = cache.entry(buckets.kexec, key, schema);
  await entry.write({ digest: blob.digest, etag: '"e"' }, { refs: [blob.digest], by: "kexec" });
  const used = new Date(Date.now() - usedDaysAgo * dayMs);
  await Deno.utime(entry.path, used, used);
  return blob.digest;
}

async function orphan(cache: Cache, text: string): Promise<Digest> {
  return (await cache.blobs.persist(new Blob([text]).stream())).digest;
}

const reasonsOf = (result: { plan: { items: readonly { kind: string; reason: string }[] } }) =>
  result.plan.items.map(({ kind, reason }) => `${kind}: ${reason}`);

Deno.test("P1 cache:prune of what is all referred to removes nothing", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x");
    const tree = await treeOf(cache.dir);
    const result = await cachePrune({}, { cache });
    assertEquals([result.changed, result.why], [false, "no unused entries were found"]);
    for (const [path, text] of tree) assertEquals((await treeOf(cache.dir)).get(path), text);
  }));

Deno.test("P2 cache:prune counts a blob that has a name outside as no bytes, and leaves that name", () =>
  withCache(async (cache, folder) => {
    const digest = await orphan(cache, "x".repeat(1_000_000));
    await Deno.link(cache.blobs.path(digest), join(folder, "outside"));
    const result = await cachePrune({}, { cache });
    assertEquals([result.files, result.bytes], [1, 0]);
    assertEquals((await Deno.stat(join(folder, "outside"))).size, 1_000_000);
  }));

Deno.test("P4 cache:prune removes a bucket of an older version, and neither newer ones nor strangers", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x");
    for (const name of ["kexec-v0", "kexec-v9", "stranger-v1", "notes"]) {
      await Deno.mkdir(join(cache.dir, name));
      await Deno.writeTextFile(join(cache.dir, name, "file"), "x");
    }
    const result = await cachePrune({}, { cache });
    assertEquals(reasonsOf(result), ["bucket: of an older version"]);
    const left = [...(await treeOf(cache.dir)).keys()];
    assert(left.includes("kexec-v9/file") && left.includes("stranger-v1/file"));
    assert(left.includes("notes/file") && !left.includes("kexec-v0/file"));
  }));

Deno.test("cache:prune keeps what a pointer of a newer version refers to", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "k", "x");
    await Deno.rename(join(cache.dir, "kexec-v1"), join(cache.dir, "kexec-v2"));
    await cachePrune({}, { cache });
    assertEquals(await cache.blobs.has(digest), true);
  }));

Deno.test("cache:prune keeps what a bucket refers to that it does not know, and cache:ls and cache:clean know it by its name", () =>
  withCache(async (cache) => {
    const mine = new CacheBucket({
      name: "mine",
      version: 1,
      kind: "pointers",
      description: "things of a task of somebody's",
    });
    const { digest } = await cache.blobs.persist(new Blob(["x"]).stream());
    await cache.entry(mine, "thing", schema).write({ digest }, { refs: [digest] });
    assertEquals((await cachePrune({ maxAge: 0 }, { cache })).changed, false);
    assertEquals((await cacheList({ cache })).map(({ bucket, bytes }) => [bucket, bytes]), [
      ["mine-v1", 1],
    ]);
    assertEquals((await cacheWhy("thing", { cache }))[0]?.refs[0]?.size, 1);
    assertEquals((await cacheClean({ names: ["mine"] }, { cache })).keys, ["thing"]);
    assertEquals(await cache.blobs.has(digest), false);
  }));

Deno.test("cache:prune keeps pointers to what is in the layer below, and the files under its names", () =>
  withCache(async (lower, folder) => {
    for (const key of ["https://a/one.tar.gz", "https://a/two.tar.gz"]) await put(lower, key, "");
    const cache = new Cache(join(folder, "above"), { lower: lower.dir });
    const confirmed = cache.entry(buckets.kexec, "https://a/one.tar.gz", schema);
    await confirmed.update({ etag: '"confirmed"' });
    const paths = [];
    for (const key of ["https://a/one.tar.gz", "https://a/two.tar.gz", "https://a/none.tar.gz"]) {
      const path = namedFilePath(cache.dir, key, "b.tar.gz");
      const blob = await cache.blobs.find(sha256(""));
      await nameBlob(path, blob!, (each) => cache.ensure(each));
      paths.push(path);
    }
    for (const limit of [{}, { maxSize: 0 }, { ci: true }]) {
      const { plan } = await cachePrune(limit, { cache });
      const gone = paths.splice(2).map((path) => dirname(path));
      assertEquals(plan.items.map(({ path }) => path), gone);
      assertEquals((await confirmed.read())?.lower, false);
      for (const path of paths) assertEquals(await Deno.readTextFile(path), "");
    }
    await Deno.remove(lower.dir, { recursive: true });
    assertEquals(reasonsOf(await cachePrune({}, { cache })), [
      "pointer: its contents are gone",
      "file: nothing refers to it",
      "file: nothing refers to it",
    ]);
  }));

Deno.test("cache:prune makes room with what is in this cache, not with pointers to the layer below", () =>
  withCache(async (lower, folder) => {
    await put(lower, "https://a/below.tar.gz", "x");
    const cache = new Cache(join(folder, "above"), { lower: lower.dir });
    const confirmed = cache.entry(buckets.kexec, "https://a/below.tar.gz", schema);
    await confirmed.update({ etag: '"confirmed"' });
    const yesterday = new Date(Date.now() - dayMs);
    await Deno.utime(confirmed.path, yesterday, yesterday);
    const digest = await put(cache, "https://a/own.tar.gz", "y");
    const { plan } = await cachePrune({ maxSize: 0 }, { cache });
    assertEquals(
      plan.items.filter(({ kind }) => kind === "pointer").map(({ name, reason }) => [name, reason]),
      [["https://a/own.tar.gz", "to make room"]],
    );
    assertEquals(await cache.blobs.has(digest), false);
    assertEquals((await confirmed.read())?.lower, false);
  }));

Deno.test("P6 cache:prune removes what only a removed pointer referred to, and its named file", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "k", "x");
    const kept = await put(cache, "other", "y");
    await Deno.remove(cache.entry(buckets.kexec, "k", schema).path);
    const result = await cachePrune({}, { cache });
    assertEquals(reasonsOf(result), ["file: nothing refers to it", "blob: nothing refers to it"]);
    assertEquals([await cache.blobs.has(digest), await cache.blobs.has(kept)], [false, true]);
  }));

Deno.test("P5 cache:prune keeps what was downloaded, and what is downloaded in part", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "k", "x", 300);
    const partial = await cache.partials.claim("some");
    await Deno.writeTextFile(join(partial, "data"), "half");
    await cache.partials.release("some", partial);
    assertEquals((await cachePrune({}, { cache })).changed, false);
    assertEquals(await cache.blobs.has(digest), true);
    const kept = await cache.partials.find("some");
    assertEquals(await Deno.readTextFile(join(kept!, "data")), "half");
  }));

Deno.test("P7 cache:prune removes blobs, unpacked folders and named files when the pointers of a bucket are gone", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x");
    const body = new Blob(["part"]).stream();
    const tree = await cache.archives.persist(ReadableStream.from([
      { path: "d/f", type: "file" as const, body },
    ]));
    await cache.entry(buckets.kexec, "tree", schema).write({ digest: "" }, { refs: [tree.digest] });
    assertEquals((await cachePrune({}, { cache })).changed, false);
    await Deno.remove(join(cache.dir, buckets.kexec.folder), { recursive: true });
    const result = await cachePrune({}, { cache });
    assertEquals(result.plan.items.map(({ kind }) => kind), ["file", "blob", "archive"]);
    assertEquals([result.files, result.bytes], [3, 5]);
    assertEquals(await cache.archives.find(tree.digest), undefined);
  }));

Deno.test("P8 cache:prune lets young things be while others use the cache, unless force says otherwise", () =>
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

Deno.test("P9 cache:prune --ci where there is no cache is no error", () =>
  withCache(async (cache) => {
    assertEquals((await cachePrune({ ci: true }, { cache })).changed, false);
    await assertRejects(() => Deno.stat(cache.dir), Deno.errors.NotFound);
  }));

Deno.test("P10 P11 cache:prune --ci drops partial downloads and the version before the present one", () =>
  withCache(async (cache) => {
    const present = await put(cache, "k", "now");
    const before = await orphan(cache, "before");
    const entry = cache.entry(buckets.kexec, "k", schema);
    const previous = [{ digest: before, size: 6, fetched: "2026-01-01" }];
    await entry.write({ digest: present, previous }, { refs: [present, before], spare: [before] });
    const partial = await cache.partials.claim("some");
    await cache.partials.release("some", partial);
    assertEquals((await cachePrune({}, { cache })).changed, false);
    await cachePrune({ ci: true }, { cache });
    assertEquals([await cache.blobs.has(present), await cache.blobs.has(before)], [true, false]);
    assertEquals(await cache.partials.find("some"), undefined);
  }));

Deno.test("Related: cache:prune does not follow symbolic links", () =>
  withCache(async (cache, folder) => {
    await orphan(cache, "x");
    await Deno.mkdir(join(folder, "victim"));
    await Deno.writeTextFile(join(folder, "victim", "file"), "keep");
    const shard = join(cache.dir, "blobs-v1", "sha256", "ff");
    await Deno.mkdir(shard, { recursive: true });
    await Deno.symlink(join(folder, "victim"), join(shard, "f".repeat(64)));
    const archive = await cache.archives.persist(ReadableStream.from([]));
    await Deno.symlink(join(folder, "victim"), join(archive.path, "out"));
    await cachePrune({}, { cache });
    assertEquals(await Array.fromAsync(cache.archives.list()), []);
    assertEquals(await Deno.readTextFile(join(folder, "victim", "file")), "keep");
    await assertRejects(() => Deno.lstat(join(shard, "f".repeat(64))), Deno.errors.NotFound);
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

Deno.test("cache:ls lists entries, the last used first, and says which are not whole", () =>
  withCache(async (cache) => {
    const gone = await put(cache, "https://a/old", "1".repeat(2048), 2);
    await put(cache, "https://a/new", "2".repeat(1024), 1);
    await cache.blobs.remove(gone);
    const entries = await cacheList({ cache });
    assertEquals(entries.map(({ key, bytes, whole }) => [key, bytes, whole]), [
      ["https://a/new", 1024, true],
      ["https://a/old", 0, false],
    ]);
    const { stdout } = await runKedge(["cache:ls"], { cacheDir: cache.dir });
    assertEquals(stdout.trim().split("\n").length, 2);
    assertStringIncludes(stdout, "1 KiB  kexec-v1  https://a/new");
  }));

Deno.test("cache:why tells who put an entry there, with which validators, and who shares its blob", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "https://a/one", "same");
    await put(cache, "https://b/two", "same");
    const [found, ...others] = await cacheWhy("https://a/one", { cache });
    assertEquals(others, []);
    assertEquals([found?.by, found?.bucket], ["kexec", "kexec-v1"]);
    assertEquals(found?.value, { digest, etag: '"e"' });
    assertEquals(found?.refs, [{ digest, alsoOf: ["https://b/two"], size: 4 }]);
    assertEquals((await cacheWhy(digest.slice(7, 17), { cache })).length, 2);
    await assertRejects(() => cacheWhy("nothing", { cache }), KedgeError, "nothing of that name");
    const { stdout } = await runKedge(["cache:why", "a/one"], { cacheDir: cache.dir });
    assertStringIncludes(stdout, "as does https://b/two");
    const previous = [{ digest, size: 4, fetched: "2026-01-01T00:00:00.000Z" }];
    const fields = { digest, checkedMs: 1_750_000_000_000, freshMs: 600_000, previous };
    await cache.entry(buckets.kexec, "https://c/three", v.looseObject({})).write(fields);
    const three = await runKedge(["cache:why", "c/three"], { cacheDir: cache.dir });
    assertStringIncludes(three.stdout, "  checked   2025-06-15T15:06:40.000Z\n  fresh     10m");
    assertStringIncludes(three.stdout, `  previous  ${JSON.stringify(previous)}`);
    await cache.entry(buckets.kexec, "https://c/five", v.looseObject({})).write({
      digest,
      mustRevalidate: false,
    });
    const five = await runKedge(["cache:why", "c/five"], { cacheDir: cache.dir });
    assertStringIncludes(
      five.stdout,
      `  digest         ${digest}\n  mustRevalidate false\n`,
    );
    const odd = cache.entry(buckets.kexec, "https://d/four", v.any());
    for (const value of [null, "a text", [1, { a: 2 }]]) {
      await odd.write(value);
      const four = await runKedge(["cache:why", "d/four"], { cacheDir: cache.dir });
      assertEquals([four.code, four.stderr], [0, ""]);
    }
  }));

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
