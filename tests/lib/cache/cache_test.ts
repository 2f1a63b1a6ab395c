import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import * as v from "valibot";
import { sha256 } from "../../../lib/base/digest.ts";
import {
  KedgeError,
  TimedOutError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { CacheBucket } from "../../../lib/cache/bucket.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { lockTimeoutMs } from "../../../lib/cache/lock_timeout.ts";
import { openCache } from "../../../lib/cache/open_cache.ts";
import { inFolder } from "../../support/in_folder.ts";
import { treeOf } from "../../support/tree.ts";

const schema = v.looseObject({ digest: v.string() });

function withCache(run: (cache: Cache) => Promise<void>): Promise<void> {
  return inFolder((dir) => run(new Cache(join(dir, "cache"))));
}

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
  withCache(async (cache) => {
    assertEquals(await cache.entry(buckets.kexec, "key", schema).read(), undefined);
    assertEquals(await cache.blobs.has(sha256("a")), false);
    await assertRejects(() => Deno.stat(cache.dir), Deno.errors.NotFound);
  }));

Deno.test("Cache writes its markers with the first entry and leaves existing ones alone", () =>
  withCache(async (cache) => {
    await Deno.mkdir(cache.dir, { recursive: true });
    await Deno.writeTextFile(join(cache.dir, ".gitignore"), "mine\n");
    await cache.entry(buckets.kexec, "key", schema).write({ digest: "x" });
    const tag = await Deno.readTextFile(join(cache.dir, "CACHEDIR.TAG"));
    assert(tag.startsWith("Signature: 8a477f597d28d172789f06886806bc55\n"));
    assertEquals(await Deno.readTextFile(join(cache.dir, ".gitignore")), "mine\n");
  }));

Deno.test("CacheEntry gives back what was written, with who and what it refers to", () =>
  withCache(async (cache) => {
    const entry = cache.entry(buckets.kexec, "https://a/b", schema);
    const digest = sha256("bytes");
    await entry.write({ digest }, { refs: [digest], by: "kexec" });
    const record = await cache.entry(buckets.kexec, "https://a/b", schema).read();
    assertEquals(record?.value, { digest });
    assertEquals(record?.refs, [digest]);
    assertEquals(record?.by, "kexec");
  }));

Deno.test("CacheEntry of an older reader keeps the fields of a newer writer when it updates", () =>
  withCache(async (cache) => {
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
    withCache(async (cache) => {
      const entry = cache.entry(buckets.kexec, "k", schema);
      await entry.write({ digest: "x" });
      await Deno.writeTextFile(entry.path, text!);
      assertEquals((await entry.lookup()).miss?.reason, "unreadable");
      await entry.write({ digest: "z" });
      assertEquals((await entry.read())?.value.digest, "z");
    }));
}

Deno.test("CacheEntry takes the pointer of another key for none (stale_request_rejects_non_matching_cache_entries)", () =>
  withCache(async (cache) => {
    const [mine, other] = ["mine", "other"].map((key) => cache.entry(buckets.kexec, key, schema));
    await other!.write({ digest: "x" });
    await Deno.mkdir(join(mine!.path, ".."), { recursive: true });
    await Deno.copyFile(other!.path, mine!.path);
    const { miss } = await mine!.lookup();
    assertEquals(miss, { reason: "unreadable", detail: "it is the pointer of another key" });
    assertEquals(await mine!.update({ digest: "y" }), false);
  }));

Deno.test("BlobStore.persist() hashes a stream and keeps it read-only under its digest", () =>
  withCache(async (cache) => {
    const blob = await cache.blobs.persist(streamOf("hello"), {
      digest: sha256("hello"),
      size: 5,
    });
    assertEquals(blob.path, cache.blobs.path(sha256("hello")));
    assertEquals(await Deno.readTextFile(blob.path), "hello");
    assertEquals((await Deno.stat(blob.path)).mode! & 0o777, 0o444);
    assertEquals(await cache.blobs.size(blob.digest), 5);
    assertEquals(await new Response(await cache.blobs.open(blob.digest)).text(), "hello");
  }));

for (
  const [what, expected] of [
    ["another digest", { digest: sha256("other") }],
    ["fewer bytes", { size: 6 }],
    ["more bytes", { size: 4 }],
  ] as const
) {
  Deno.test(`BlobStore.persist() refuses a stream of ${what} and keeps nothing`, () =>
    withCache(async (cache) => {
      await assertRejects(
        () => cache.blobs.persist(streamOf("hello"), expected),
        VerificationError,
      );
      const files = [...(await treeOf(cache.dir)).keys()].filter((path) => /blob/.test(path));
      assertEquals(files.filter((path) => !path.endsWith("/")), []);
    }));
}

Deno.test("BlobStore.persist() puts a blob there that goes while it is found to be there", () =>
  withCache(async (cache) => {
    const { path } = await cache.blobs.persist(streamOf("data"));
    // What a prune does at this moment whose lock lets everybody in.
    const { chmod } = Deno;
    Deno.chmod = async (of, mode) => {
      Deno.chmod = chmod;
      await Deno.remove(of);
      await chmod(of, mode);
    };
    try {
      await cache.blobs.persist(streamOf("data"));
    } finally {
      Deno.chmod = chmod;
    }
    assertEquals(await Deno.readTextFile(path), "data");
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o444);
  }));

Deno.test("BlobStore.persistFile() takes over a finished file", () =>
  withCache(async (cache) => {
    await using folder = await cache.temporaryFolder();
    const path = join(folder.path, "f");
    await Deno.writeTextFile(path, "data");
    const blob = await cache.blobs.persistFile(path, { digest: sha256("data") });
    const found = { ...blob, changedMs: (await Deno.stat(blob.path)).mtime!.getTime() };
    assertEquals(await cache.blobs.find(blob.digest), found);
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
    const all = await Array.fromAsync(cache.blobs.list());
    assertEquals(all, [found]);
  }));

for (
  const [how, write] of [
    ["persist()", (cache: Cache) => cache.blobs.persist(streamOf("data"))],
    ["persistFile()", async (cache: Cache) => {
      const path = cache.temporaryPath("finished");
      await Deno.writeTextFile(path, "data");
      return await cache.blobs.persistFile(path);
    }],
  ] as const
) {
  Deno.test(`BlobStore.${how} leaves a blob as it is that is there, unless it is damaged`, () =>
    withCache(async (cache) => {
      const { path } = await cache.blobs.persist(streamOf("data"));
      const before = await Deno.stat(path);
      await Deno.chmod(path, 0o400);
      assertEquals((await write(cache)).path, path);
      const after = await Deno.stat(path);
      assertEquals([after.ino, after.mtime], [before.ino, before.mtime]);
      assertEquals(after.mode! & 0o777, 0o444);
      await Deno.chmod(path, 0o644);
      await Deno.writeTextFile(path, "evil");
      await write(cache);
      assertEquals(await Deno.readTextFile(path), "data");
      assertEquals((await Deno.stat(path)).mode! & 0o777, 0o444);
      assertEquals(await Array.fromAsync(Deno.readDir(join(cache.dir, "tmp-v1"))), []);
    }));
}

Deno.test("Cache looks into a read-only layer below it and never writes there", () =>
  withCache(async (lower) => {
    const entry = lower.entry(buckets.kexec, "k", schema);
    const blob = await lower.blobs.persist(streamOf("below"));
    await entry.write({ digest: blob.digest }, { refs: [blob.digest] });
    const before = await treeOf(lower.dir);
    await withCache(async (upper) => {
      const cache = new Cache(upper.dir, { lower: lower.dir });
      const record = await cache.entry(buckets.kexec, "k", schema).read();
      assertEquals(record?.lower, true);
      assertEquals((await cache.blobs.find(blob.digest))?.path, blob.path);
      await cache.entry(buckets.kexec, "k", schema).update({ digest: "new" });
      assertEquals(
        (await cache.entry(buckets.kexec, "k", schema).read())?.value.digest,
        "new",
      );
    });
    assertEquals(await treeOf(lower.dir), before);
  }));

Deno.test("Cache.use() keeps the root locked until its last holder is done", () =>
  withCache(async (cache) => {
    const first = await cache.use();
    const second = await cache.use();
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await assertRejects(() => cache.lockRoot({ timeoutMs: 20 }), TimedOutError, cache.dir);
    second[Symbol.dispose]();
    (await cache.lockRoot({ timeoutMs: 20 }))[Symbol.dispose]();
  }));

Deno.test("Cache.use() of one who gives up leaves the others waiting, and the last of them ends the wait", () =>
  withCache(async (cache) => {
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
  withCache(async (cache) => {
    const digest = sha256("wanted by two");
    const pruning = await cache.lock("leases");
    const both = [cache.leases.take(digest), cache.leases.take(digest)];
    let early = 0;
    for (const each of both) each.then(() => early++, () => {});
    await delay(50);
    assertEquals(early, 0);
    pruning[Symbol.dispose]();
    await Promise.all(both);
    assertEquals((await cache.leases.read()).leased, new Set([digest]));
  }));

Deno.test("Leases.hold() keeps what many ask for at once, whether it waits for the lock with others or comes later", () =>
  withCache(async (cache) => {
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
  withCache(async (before) => {
    const cache = new Cache(before.dir, { lockTimeoutMs: 20 });
    const digest = sha256("wanted twice");
    {
      using _pruning = await cache.lock("leases");
      await assertRejects(() => cache.leases.take(digest), TimedOutError);
    }
    await cache.leases.take(digest);
    assertEquals((await cache.leases.read()).leased, new Set([digest]));
  }));

Deno.test("Cache.lock() of one name is held by one at a time", () =>
  withCache(async (cache) => {
    using _lock = await cache.lock("a");
    using _other = await cache.lock("b", { timeoutMs: 0 });
    await assertRejects(() => cache.lock("a", { timeoutMs: 20 }), TimedOutError);
  }));

Deno.test("Cache can be moved: nothing in it names its root", () =>
  withCache(async (cache) => {
    const blob = await cache.blobs.persist(streamOf("x"));
    await cache.entry(buckets.kexec, "k", schema).write({ digest: blob.digest });
    const moved = `${cache.dir}-moved`;
    await Deno.rename(cache.dir, moved);
    const there = new Cache(moved);
    assertEquals((await there.entry(buckets.kexec, "k", schema).read())?.value.digest, blob.digest);
    assertEquals(await there.blobs.has(blob.digest), true);
    for (const [path, text] of await treeOf(moved)) assert(!text.includes(cache.dir), path);
  }));

Deno.test("Cache says why its folder cannot be made", () =>
  withCache(async (cache) => {
    await Deno.writeTextFile(cache.dir, "a file");
    const entry = cache.entry(buckets.kexec, "k", schema);
    await assertRejects(() => entry.write({ digest: "x" }), KedgeError, cache.dir);
  }));

Deno.test("CacheShard keeps its entries apart, and has a lock of its own", () =>
  withCache(async (cache) => {
    const one = cache.bucket(buckets.oci).shard("../one");
    const two = cache.bucket(buckets.oci).shard("two");
    await one.entry("k", schema).write({ digest: "1" });
    await two.entry("k", schema).write({ digest: "2" });
    assertEquals((await one.entry("k", schema).read())?.value.digest, "1");
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
    withCache(async (cache) => {
      using _use = await cache.use();
      assertEquals(lockTimeoutMs(), 300_000);
    }),
});
