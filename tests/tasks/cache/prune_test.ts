/** What cache:prune removes, and what it leaves. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { CacheBucket } from "../../../lib/cache/bucket.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { nameBlob, namedFilePath } from "../../../lib/cache/named_file.ts";
import { cacheClean, cacheList, cachePrune, cacheWhy } from "../../../tasks/cache/cache.ts";
import {
  cachedSchema,
  dayMs,
  orphan,
  put,
  reasonsOf,
  withCache,
} from "../../support/cache_ground.ts";
import { treeOf } from "../../support/tree.ts";

Deno.test("cache:prune of what is all referred to removes nothing", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x");
    const tree = await treeOf(cache.dir);
    const result = await cachePrune({}, { cache });
    assertEquals([result.changed, result.why], [false, "no unused entries were found"]);
    for (const [path, text] of tree) assertEquals((await treeOf(cache.dir)).get(path), text);
  }));

Deno.test("cache:prune counts a blob that has a name outside as no bytes, and leaves that name", () =>
  withCache(async (cache, folder) => {
    const digest = await orphan(cache, "x".repeat(1_000_000));
    await Deno.link(cache.blobs.path(digest), join(folder, "outside"));
    const result = await cachePrune({}, { cache });
    assertEquals([result.files, result.bytes], [1, 0]);
    assertEquals((await Deno.stat(join(folder, "outside"))).size, 1_000_000);
  }));

Deno.test("cache:prune removes a bucket of an older version, and neither newer ones nor strangers", () =>
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
    await cache.entry(mine, "thing", cachedSchema).write({ digest }, { refs: [digest] });
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
    const confirmed = cache.entry(buckets.kexec, "https://a/one.tar.gz", cachedSchema);
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
    const confirmed = cache.entry(buckets.kexec, "https://a/below.tar.gz", cachedSchema);
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

Deno.test("cache:prune removes what only a removed pointer referred to, and its named file", () =>
  withCache(async (cache) => {
    const digest = await put(cache, "k", "x");
    const kept = await put(cache, "other", "y");
    await Deno.remove(cache.entry(buckets.kexec, "k", cachedSchema).path);
    const result = await cachePrune({}, { cache });
    assertEquals(reasonsOf(result), ["file: nothing refers to it", "blob: nothing refers to it"]);
    assertEquals([await cache.blobs.has(digest), await cache.blobs.has(kept)], [false, true]);
  }));

Deno.test("cache:prune keeps what was downloaded, and what is downloaded in part", () =>
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

Deno.test("cache:prune removes blobs, unpacked folders and named files when the pointers of a bucket are gone", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x");
    const body = new Blob(["part"]).stream();
    const tree = await cache.archives.persist(ReadableStream.from([
      { path: "d/f", type: "file" as const, body },
    ]));
    await cache.entry(buckets.kexec, "tree", cachedSchema).write({ digest: "" }, {
      refs: [tree.digest],
    });
    assertEquals((await cachePrune({}, { cache })).changed, false);
    await Deno.remove(join(cache.dir, buckets.kexec.folder), { recursive: true });
    const result = await cachePrune({}, { cache });
    assertEquals(result.plan.items.map(({ kind }) => kind), ["file", "blob", "archive"]);
    assertEquals([result.files, result.bytes], [3, 5]);
    assertEquals(await cache.archives.find(tree.digest), undefined);
  }));

Deno.test("cache:prune does not follow symbolic links", () =>
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
