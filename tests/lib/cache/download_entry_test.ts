import { assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { DownloadEntry, type DownloadPolicy } from "../../../lib/cache/download_entry.ts";
import { onRead } from "../../support/on_read.ts";
import { treeOf } from "../../support/tree.ts";

const policy: DownloadPolicy = { refresh: "none", names: [], pinned: false, offline: false };
const digest = sha256("what it was");
const size = 4 * 1024 * 1024;

/** A cache with a blob that is not what its name says, large enough to be read in several pieces. */
async function withDamaged(
  test: (entry: DownloadEntry, cache: Cache) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "kedge-entry-" });
  try {
    const cache = new Cache(join(dir, "cache"));
    const entry = new DownloadEntry(cache, buckets.kexec, "https://a/b.tar.gz");
    const blob = { digest, size, path: cache.blobs.path(digest) };
    await cache.ensure(dirname(blob.path));
    {
      using file = await Deno.open(blob.path, { write: true, create: true });
      await file.truncate(size);
    }
    await entry.write(blob, { by: "test" });
    await Deno.utime(blob.path, 1, 1);
    await test(entry, cache);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("DownloadEntry hashes a blob again whose file changed, and moves it away where it is damaged", () =>
  withDamaged(async (entry, cache) => {
    const { freshness, damaged } = await entry.lookUnderLease(undefined, policy);
    assertEquals([freshness.state, damaged?.digest], ["missing", digest]);
    assertEquals(await cache.blobs.has(digest), false);
  }));

Deno.test("DownloadEntry stops hashing a blob again on abort, and leaves it where it is", () =>
  withDamaged(async (entry, cache) => {
    const before = await treeOf(cache.dir);
    const stop = new AbortController();
    {
      using _read = onRead(() => stop.abort(new Error("enough")));
      const looking = entry.look(undefined, { ...policy, signal: stop.signal });
      await assertRejects(() => looking, Error, "enough");
    }
    const finding = entry.findSound(digest, { keep: false, signal: stop.signal });
    await assertRejects(() => finding, Error, "enough");
    assertEquals(await treeOf(cache.dir), before);
  }));
