/** What others begin to need, and are done with, while a prune looks through the cache. */
import { assertEquals } from "@std/assert";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { nameBlob, namedFilePath } from "../../../lib/cache/named_file.ts";
import { pruneCache } from "../../../lib/cache/prune.ts";
import { hashTree } from "../../../lib/cache/read_tree.ts";
import { cachedSchema, orphan, put, reasonsOf, withCache } from "../../support/cache_ground.ts";
import { lyingLocks } from "../../support/lying_locks.ts";

/** Puts an entry as another process does that uses the cache no longer than for that. */
async function putBriefly(dir: string, key: string, text: string): Promise<void> {
  const writer = new Cache(dir);
  using _use = await writer.use();
  await put(writer, key, text);
}

/** Does something once, right before the removal of things is begun with. */
function beforeRemoval(cache: Cache, act: () => Promise<void>): void {
  const lock = cache.leases.lock.bind(cache.leases);
  cache.leases.lock = async (signal) => {
    await act();
    return await lock(signal);
  };
}

Deno.test("pruneCache() leaves what another begins to need, and is done with, after it looked for what is needed", () =>
  withCache(async (cache) => {
    const digest = await orphan(cache, "contents");
    await orphan(cache, "of nobody");
    const path = namedFilePath(cache.dir, "k", "f");
    const blob = (await cache.blobs.find(digest))!;
    await nameBlob(path, blob, (folder) => cache.ensure(folder));
    using _other = await new Cache(cache.dir).use();
    beforeRemoval(cache, () => putBriefly(cache.dir, "k", "contents"));
    const pruned = await pruneCache(cache, { policy: { graceMs: 0 } });
    assertEquals(reasonsOf(pruned), ["blob: nothing refers to it"]);
    assertEquals(await cache.blobs.has(digest), true);
    assertEquals(await Deno.readTextFile(path), "contents");
  }));

/** Does something after the leases were asked for so many times. */
function afterLeasesRead(cache: Cache, times: number, act: () => Promise<void>): void {
  const read = cache.leases.read.bind(cache.leases);
  let left = times;
  cache.leases.read = async (inUse) => {
    const leased = await read(inUse);
    if (--left === 0) await act();
    return leased;
  };
}

async function* tree() {
  yield { path: "a", type: "file" as const, body: new Blob(["a"]).stream() };
}

/** Puts an entry that needs this tree, as {@linkcode putBriefly} does. */
async function putTreeBriefly(dir: string, key: string): Promise<void> {
  const writer = new Cache(dir);
  using _use = await writer.use();
  const { digest } = await writer.archives.persist(tree());
  const entry = writer.entry(buckets.kexec, key, cachedSchema);
  await entry.write({ digest }, { refs: [digest] });
}

for (const [at, time] of ["first", "second", "third"].entries()) {
  Deno.test(`pruneCache() takes no entry its contents that is written after it read the leases for the ${time} time, though locks lie`, () =>
    withCache(async (cache) => {
      using _lies = await lyingLocks();
      const digest = await orphan(cache, "contents");
      await orphan(cache, "of nobody");
      const archive = await cache.archives.persist(tree());
      let written = false;
      afterLeasesRead(cache, at + 1, async () => {
        await putBriefly(cache.dir, "k", "contents");
        await putTreeBriefly(cache.dir, "tree");
        written = true;
      });
      await pruneCache(cache);
      assertEquals(written, true);
      assertEquals(await cache.blobs.has(digest), true);
      assertEquals(await hashTree(archive.path), archive.digest);
      const left = (await pruneCache(cache)).plan.items.map(({ path }) => path);
      assertEquals(left, []);
    }));
}
