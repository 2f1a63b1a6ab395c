/** What stands in the cache in the place of something else, or is dated by a clock that was wrong, and what comes of it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { DownloadEntry } from "../../../lib/cache/download_entry.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import {
  cacheClean,
  cacheList,
  cachePrune,
  cacheVerify,
  cacheWhy,
} from "../../../tasks/cache/cache.ts";
import { cacheKexec, type CacheKexecResult } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";

const body = bundleBytes();
const dayMs = 86_400_000;

interface Ground {
  dir: string;
  url: string;
  origin: Origin;
  first: CacheKexecResult;
  entry: DownloadEntry;
  run: (unpack?: boolean) => Promise<CacheKexecResult>;
}

async function withBundle(test: (ground: Ground) => Promise<void>): Promise<void> {
  await using origin = startOrigin({ "/k.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-damage-" });
  const dir = join(folder, "cache");
  const url = origin.url("/k.tar.gz");
  const run = (unpack = true) => cacheKexec({ url, unpack }, { cache: new Cache(dir) });
  try {
    const first = await run();
    const entry = new DownloadEntry(new Cache(dir), buckets.kexec, url);
    await test({ dir, url, origin, first, entry, run });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function makeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true });
  await Deno.mkdir(path);
  await Deno.writeTextFile(join(path, "x"), "x");
}

async function makeFile(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true });
  await Deno.writeTextFile(path, "garbage");
}

async function makeRing(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true });
  await Deno.symlink(path, path);
}

async function makePipe(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true });
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
}

const damages: Record<string, (ground: Ground) => Promise<void>> = {
  "a pointer that is a folder": ({ entry }) => makeFolder(entry.entry.path),
  "a pointer that is a link to itself": ({ entry }) => makeRing(entry.entry.path),
  "a pointer that is a pipe": ({ entry }) => makePipe(entry.entry.path),
  "a pointer that is a link to a device": async ({ entry }) => {
    await Deno.remove(entry.entry.path);
    await Deno.symlink("/dev/zero", entry.entry.path);
  },
  "a blob that is a pipe": ({ dir, first }) => makePipe(new Cache(dir).blobs.path(first.digest!)),
  "a named file that is a pipe": ({ first }) => makePipe(first.path),
  "a blob that is a folder": ({ dir, first }) =>
    makeFolder(new Cache(dir).blobs.path(first.digest!)),
  "a named file that is a folder": ({ first }) => makeFolder(first.path),
  "an unpacked folder that is a file": ({ first }) => makeFile(first.parts!.dir),
};

for (const [what, damage] of Object.entries(damages)) {
  Deno.test(`a cache with ${what} is as one without it, and mended by the next use`, () =>
    withBundle(async (ground) => {
      await damage(ground);
      await cacheList({ cache: new Cache(ground.dir) });
      const { path, parts } = await ground.run();
      assertEquals(await Deno.readFile(path), body);
      assertEquals((await Deno.stat(parts!.kernel)).isFile, true);
      const asked = ground.origin.requests.length;
      assertEquals((await ground.run()).changed, false);
      assertEquals(ground.origin.requests.length, asked);
      const cache = new Cache(ground.dir);
      assertEquals((await cacheVerify({}, { cache })).bad, []);
      assertEquals((await cacheWhy(ground.url, { cache })).length, 1);
    }));
}

Deno.test("a cache whose folder of archives is a file can be listed, pruned and emptied", () =>
  withBundle(async ({ dir, run }) => {
    await makeFile(join(dir, buckets.archives.folder));
    const cache = new Cache(dir);
    assertEquals((await cacheList({ cache })).map(({ whole }) => whole), [true]);
    await cachePrune({}, { cache });
    await cacheClean({}, { cache });
    assertEquals(await Deno.readFile((await run()).path), body);
  }));

Deno.test("a cache whose folder for work is a file can be emptied, and says what is in the way", () =>
  withBundle(async ({ dir, url, run }) => {
    await makeFile(join(dir, buckets.blobs.folder));
    const { code, stderr } = await runKedge(["kexec", "--url", url], { cacheDir: dir });
    assertEquals(code, 1);
    assertStringIncludes(stderr, `Cannot make the cache folder "${join(dir, "blobs-v1")}`);
    assertStringIncludes(stderr, "something else than a folder is in its place");
    await Deno.remove(join(dir, buckets.temporary.folder), { recursive: true });
    await Deno.writeTextFile(join(dir, buckets.temporary.folder), "");
    await cacheClean({}, { cache: new Cache(dir) });
    assertEquals(await Deno.readFile((await run()).path), body);
  }));

Deno.test("cacheKexec() does not say that an old version stays which is not there", () =>
  withBundle(async ({ dir, url, origin, entry }) => {
    const cache = new Cache(dir);
    await cache.blobs.remove((await entry.entry.read())!.value.digest);
    origin.files.set("/k.tar.gz", { body: bundleBytes({ version: "2" }) });
    const notes: string[] = [];
    const report = (event: { type: string; message?: string }) => {
      if (event.type === "note") notes.push(event.message!);
    };
    assertEquals((await cacheKexec({ url }, { cache, report })).changed, true);
    assertEquals([notes.length, notes.join().includes("stays")], [1, false], notes.join());
  }));

const future = new Date(Date.now() + 5000 * dayMs);

Deno.test("an entry that was used on a day yet to come is dated anew by its next use", () =>
  withBundle(async ({ entry, run }) => {
    await Deno.utime(entry.entry.path, future, future);
    await run(false);
    assert((await Deno.stat(entry.entry.path)).mtime! < new Date(Date.now() + dayMs));
  }));

Deno.test("cache:prune lets an entry age that was used on a day yet to come", () =>
  withBundle(async ({ dir, entry, url, origin }) => {
    origin.files.set("/other.tar.gz", { body: bundleBytes({ version: "other" }) });
    await cacheKexec({ url: new URL("/other.tar.gz", url).href }, { cache: new Cache(dir) });
    await Deno.utime(entry.entry.path, future, future);
    const options = { maxAge: "1d", force: true };
    const dry = await cachePrune(options, { cache: new Cache(dir), dryRun: true });
    assertEquals(dry.changed, false);
    assertEquals((await Deno.stat(entry.entry.path)).mtime, future);
    await cachePrune(options, { cache: new Cache(dir) });
    assert((await Deno.stat(entry.entry.path)).mtime! < new Date(Date.now() + dayMs));
    assertEquals((await Deno.stat(dirname(entry.path))).isDirectory, true);
  }));

Deno.test("cache:prune takes what was left on a day yet to come for old", () =>
  withBundle(async ({ dir, entry }) => {
    const left = join(dir, buckets.partials.folder, "0".repeat(40));
    await Deno.mkdir(left, { recursive: true });
    const yesteryear = () => Date.now() - 5000 * dayMs;
    // When a folder was changed cannot be set; so all else is old, and the clock stands between.
    const before = new Date(yesteryear() - dayMs);
    for (const path of [entry.entry.path, join(dir, "CACHEDIR.TAG")]) {
      await Deno.utime(path, before, before);
    }
    await cachePrune({}, { cache: new Cache(dir, { now: yesteryear }) });
    assertEquals(await Deno.stat(left).then(() => true, () => false), false);
  }));

Deno.test("cache:prune dates nothing anew by a clock that is behind", () =>
  withBundle(async ({ dir, entry }) => {
    const left = join(dir, buckets.partials.folder, "0".repeat(40));
    await Deno.mkdir(left, { recursive: true });
    const before = (await Deno.stat(entry.entry.path)).mtime;
    const yesteryear = () => Date.now() - 200 * dayMs;
    await cachePrune({ maxAge: "90d" }, { cache: new Cache(dir, { now: yesteryear }) });
    assertEquals((await Deno.stat(entry.entry.path)).mtime, before);
    assertEquals((await Deno.stat(left)).isDirectory, true);
    await cachePrune({ maxAge: "90d" }, { cache: new Cache(dir) });
    assertEquals((await Deno.stat(entry.path)).isFile, true);
  }));

Deno.test("a call without a task file goes on with a warning where the journal cannot be written", () =>
  withBundle(async ({ dir, url }) => {
    const journal = join(dir, "journal-v1.db");
    await Deno.remove(journal);
    await Deno.mkdir(journal);
    const warnings: string[] = [];
    const report = (event: { type: string; level?: string; message?: string }) => {
      if (event.level === "warning") warnings.push(event.message!);
    };
    const { changed } = await cacheKexec({ url }, { cache: new Cache(dir), report });
    assertEquals([changed, warnings.length], [false, 1], warnings.join());
    assertStringIncludes(warnings[0]!, `Cannot use the journal "${journal}"`);
  }));
