import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import * as v from "valibot";
import { TimedOutError, UsageError } from "../../../lib/base/errors.ts";
import { formatIdentity, ownIdentity } from "../../../lib/base/process_identity.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { cacheClean, cacheDir, cacheSize } from "../../../tasks/cache/cache.ts";
import { inFolder } from "../../support/in_folder.ts";
import { runKedge } from "../../support/program.ts";
import { treeOf } from "../../support/tree.ts";

const schema = v.looseObject({ digest: v.string() });

function withCache(run: (cache: Cache, folder: string) => Promise<void>): Promise<void> {
  return inFolder((folder) => run(new Cache(join(folder, "cache"), { lockTimeoutMs: 50 }), folder));
}

async function put(cache: Cache, key: string, text: string): Promise<string> {
  const blob = await cache.blobs.persist(new Blob([text]).stream());
  await cache.entry(buckets.kexec, key, schema)
    .write({ digest: blob.digest }, { refs: [blob.digest], by: "kexec" });
  return blob.path;
}

/** What is left in a cache, the lock files of entries left out. */
async function leftIn(dir: string): Promise<string[]> {
  return [...(await treeOf(dir)).keys()].filter((path) => !path.startsWith("locks-v1/"));
}

Deno.test("cache:dir prints the configured folder", () =>
  withCache(async (cache) => {
    assertEquals(cacheDir({ cache }), cache.dir);
    const { stdout, code } = await runKedge(["cache:dir"], { cacheDir: cache.dir });
    assertEquals([stdout, code], [`${cache.dir}\n`, 0]);
  }));

Deno.test("a cache that cannot be made is an error that says where and why", () =>
  withCache(async (_cache, folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const { code, stderr } = await runKedge(["kexec", "--url", "http://127.0.0.1:9/b.tar.gz"], {
      cacheDir: join(file, "cache"),
    });
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, `Cannot make the cache folder "${join(file, "cache")}`);
    assertStringIncludes(stderr, "Not a directory");
    assertStringIncludes(stderr, "--cache-dir");
  }));

Deno.test("cache:size of no cache is 0", () =>
  withCache(async (cache) => {
    assertEquals(await cacheSize({ cache }), { bytes: 0, files: 0, parts: [] });
  }));

Deno.test("cache:size prints the bytes alone, with --human a unit", () =>
  withCache(async (cache) => {
    await put(cache, "https://a/b", "x".repeat(3 * 1024 * 1024));
    const { bytes, parts } = await cacheSize({ cache });
    assertEquals(parts[0]?.name, "blobs-v1");
    assertEquals(parts[0]?.bytes, 3 * 1024 * 1024);
    const plain = await runKedge(["cache:size"], { cacheDir: cache.dir });
    assertEquals(plain.stdout, `${bytes}\n`);
    const human = await runKedge(["cache:size", "--human"], { cacheDir: cache.dir });
    assertEquals(human.stdout, "3 MiB\n");
  }));

Deno.test("cache:size counts a file with several names once", () =>
  withCache(async (cache) => {
    const path = await put(cache, "k", "x".repeat(1000));
    const before = await cacheSize({ cache });
    await Deno.link(path, join(cache.dir, "again"));
    assertEquals((await cacheSize({ cache })).bytes, before.bytes);
  }));

Deno.test("cache:clean removes everything but the locks and the journal", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x".repeat(1000));
    await Deno.writeTextFile(join(cache.dir, "journal-v1.db"), "history");
    const result = await cacheClean({}, { cache });
    assertEquals(result.changed, true);
    assertStringIncludes(result.why, "removed 5 files");
    assertEquals(await leftIn(cache.dir), [".lock", "/", "journal-v1.db"]);
    assertEquals((await cacheClean({}, { cache })).changed, false);
    assertEquals(await put(new Cache(cache.dir), "k", "y").then(Deno.readTextFile), "y");
  }));

Deno.test("cache:clean counts a file that keeps a name outside as no bytes", () =>
  withCache(async (cache, folder) => {
    const path = await put(cache, "k", "x".repeat(1_000_000));
    await Deno.link(path, join(folder, "outside"));
    const result = await cacheClean({}, { cache });
    assert(result.bytes < 100_000);
    assertEquals((await Deno.stat(join(folder, "outside"))).size, 1_000_000);
  }));

Deno.test("cache:clean counts two names within the cache once", () =>
  withCache(async (cache) => {
    const path = await put(cache, "k", "x".repeat(1_000_000));
    await Deno.link(path, join(cache.dir, "blobs-v1", "inside"));
    for (const dryRun of [true, false]) {
      const { bytes } = await cacheClean({}, { cache, dryRun });
      assert(bytes >= 1_000_000 && bytes < 1_100_000);
    }
  }));

Deno.test("cache:clean with force goes on while the cache is in use, and takes the lock when it is not", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x");
    {
      using _use = await cache.use();
      const events: OperationEvent[] = [];
      const other = new Cache(cache.dir, { lockTimeoutMs: 50 });
      const context = { cache: other, report: (event: OperationEvent) => events.push(event) };
      assertEquals((await cacheClean({ force: true }, context)).changed, true);
      assertStringIncludes(JSON.stringify(events), "in use");
    }
    assertEquals((await cacheClean({ force: true }, { cache })).changed, false);
  }));

Deno.test("cache:clean waits for a live process that took something out of the cache, until it ends", () =>
  withCache(async (cache) => {
    const blob = await cache.blobs.persist(new Blob(["in use"]).stream());
    const other = new Deno.Command("sleep", { args: ["600"] }).spawn();
    const stat = await Deno.readTextFile(`/proc/${other.pid}/stat`);
    const start = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    const name = formatIdentity({ ...ownIdentity(), pid: other.pid, start });
    await cache.ensure(cache.leases.dir);
    await Deno.writeTextFile(join(cache.leases.dir, `${name}-00000000.lease`), blob.digest);
    const impatient = await runKedge(["cache:clean"], {
      cacheDir: cache.dir,
      env: { KEDGE_LOCK_TIMEOUT: "0.2" },
    });
    assertEquals([impatient.code, await cache.blobs.has(blob.digest)], [7, true]);
    assertStringIncludes(impatient.stderr, "--force");
    const patient = cacheClean({}, { cache: new Cache(cache.dir, { lockTimeoutMs: 300_000 }) });
    other.kill("SIGKILL");
    await other.status;
    assertEquals((await patient).changed, true);
    assertEquals(await cache.blobs.has(blob.digest), false);
  }));

Deno.test("cache:clean of a name removes its entry and what nothing else needs", () =>
  withCache(async (cache) => {
    const one = await put(cache, "https://one/a.tar.gz", "same");
    await put(cache, "https://two/a.tar.gz", "same");
    const three = await put(cache, "https://three/a.tar.gz", "other");
    const first = await cacheClean({ names: ["https://one"] }, { cache });
    assertEquals(first.keys, ["https://one/a.tar.gz"]);
    assertEquals(await Deno.readTextFile(one), "same");
    const second = await cacheClean({ names: ["https://three/a.tar.gz"] }, { cache });
    assertEquals(second.files, 2);
    await assertRejects(() => Deno.stat(three), Deno.errors.NotFound);
    assertEquals((await cacheClean({ names: ["nothing"] }, { cache })).changed, false);
  }));

Deno.test("cacheClean() removes nothing by an empty list of names, and takes no empty name", () =>
  withCache(async (cache) => {
    const one = await put(cache, "https://one/a.tar.gz", "same");
    const { changed, files, why } = await cacheClean({ names: [] }, { cache });
    assertEquals([changed, files, why], [false, 0, "nothing was named that should go"]);
    for (const names of [[""], ["https://two", " "]]) {
      await assertRejects(
        () => cacheClean({ names }, { cache }),
        UsageError,
        `Cannot use ${JSON.stringify(names.at(-1))} as one of names: it would be a part of each`,
      );
    }
    assertEquals((await runKedge(["cache:clean", ""], { cacheDir: cache.dir })).code, 2);
    assertEquals(await Deno.readTextFile(one), "same");
    assertEquals((await runKedge(["cache:clean"], { cacheDir: cache.dir })).code, 0);
    await assertRejects(() => Deno.stat(one), Deno.errors.NotFound);
  }));

Deno.test("cache:clean of a bucket removes all of its entries", () =>
  withCache(async (cache) => {
    await put(cache, "https://one/a", "1");
    await put(cache, "https://two/a", "2");
    const { keys } = await cacheClean({ names: ["kexec"] }, { cache });
    assertEquals(keys.toSorted(), ["https://one/a", "https://two/a"]);
  }));

Deno.test("cache:clean removes a symbolic link and not what it leads to", () =>
  withCache(async (cache, folder) => {
    await put(cache, "k", "x");
    await Deno.mkdir(join(folder, "victim"));
    await Deno.writeTextFile(join(folder, "victim", "file"), "keep me");
    await Deno.symlink(join(folder, "victim"), join(cache.dir, "blobs-v1", "link"));
    const archive = await cache.archives.persist(ReadableStream.from([]));
    await Deno.symlink(join(folder, "victim"), join(archive.path, "out"));
    await cacheClean({}, { cache });
    assertEquals(await cache.archives.find(archive.digest), undefined);
    assertEquals(await Deno.readTextFile(join(folder, "victim", "file")), "keep me");
  }));

Deno.test("cache:clean gives up when the cache stays in use, naming the file and the variable", () =>
  withCache(async (cache) => {
    using _use = await cache.use();
    const result = await runKedge(["cache:clean"], {
      cacheDir: cache.dir,
      env: { KEDGE_LOCK_TIMEOUT: "0.1" },
    });
    assertEquals(result.code, 7);
    assertStringIncludes(result.stderr, join(cache.dir, ".lock"));
    assertStringIncludes(result.stderr, "for 100 ms\n");
    assertStringIncludes(
      result.stderr,
      "raise KEDGE_LOCK_TIMEOUT (seconds), or go on with --force",
    );
    await assertRejects(
      () => cacheClean({}, { cache: new Cache(cache.dir, { lockTimeoutMs: 20 }) }),
      TimedOutError,
    );
  }));

for (const command of ["cache:clean", "cache:prune"]) {
  Deno.test(`${command} refuses a folder that is not a cache of kedge, and leaves it as it is`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-precious-" });
    await Deno.mkdir(join(folder, "docs"));
    await Deno.writeTextFile(join(folder, "docs", "t.txt"), "hi");
    const result = await runKedge([command, "--cache-dir", folder], { cacheDir: folder });
    assertEquals(result.code, 2, result.stderr);
    assertStringIncludes(result.stderr, "it is not kedge's");
    assertEquals(await Deno.readTextFile(join(folder, "docs", "t.txt")), "hi");
    await assertRejects(() => new Cache(folder).ensure(folder), UsageError);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("cache:clean of a cache that nothing was put into yet removes nothing", () =>
  withCache(async ({ dir }) => {
    const { code, stdout } = await runKedge(["cache:clean"], { cacheDir: dir });
    assertEquals([code, stdout], [0, `there was nothing to remove in ${dir}\n`]);
  }));

Deno.test("cache:clean leaves what others put into the cache folder, and the tag by which it is kedge's", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x");
    await Deno.writeTextFile(join(cache.dir, "notes.txt"), "mine");
    await cacheClean({}, { cache });
    assertEquals(await leftIn(cache.dir), [".lock", "/", "CACHEDIR.TAG", "notes.txt"]);
  }));

Deno.test("cache:clean in a dry run counts and changes nothing", () =>
  withCache(async (cache) => {
    await put(cache, "k", "x".repeat(1000));
    const tree = await treeOf(cache.dir);
    const foreseen = await cacheClean({}, { cache, dryRun: true });
    assertEquals(await treeOf(cache.dir), tree);
    const done = await cacheClean({}, { cache });
    assertEquals([foreseen.files, foreseen.bytes], [done.files, done.bytes]);
  }));

Deno.test("cache:clean where there is no cache is not an error", () =>
  withCache(async (cache) => {
    assertEquals((await cacheClean({}, { cache })).changed, false);
    await assertRejects(() => Deno.stat(cache.dir), Deno.errors.NotFound);
  }));

Deno.test("cacheClean() takes no text for a list of names, each letter of which would be a part of some", () =>
  inFolder(async (folder) => {
    const cache = new Cache(join(folder, "cache"));
    for (const names of ["kexec", "", [5]]) {
      await assertRejects(
        () =>
          (cacheClean as (options: unknown, ctx: unknown) => Promise<unknown>)({ names }, {
            cache,
          }),
        UsageError,
        "as names: it must be a list of texts",
      );
    }
  }));
