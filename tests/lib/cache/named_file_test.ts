import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { lookAt } from "../../../lib/base/files.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { CachedBlob } from "../../../lib/cache/cached_blob.ts";
import { DownloadEntry } from "../../../lib/cache/download_entry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

/** The entry of a cache whose layer below, with the blob in it, is on another disk, so that the blob gets its name by a copy. */
function withCopy(test: (entry: DownloadEntry, blob: CachedBlob) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const lower = join(folder, "lower");
    await using _disk = await mountSmallDisk(lower, 1024 * 1024);
    const blob = await new Cache(lower).blobs.persist(new Blob(["as it came"]).stream());
    const cache = new Cache(join(folder, "cache"), { lower });
    const entry = new DownloadEntry(cache, buckets.kexec, "https://a/b.tar.gz");
    await entry.putName(blob);
    assertEquals(await Deno.readTextFile(entry.path), "as it came");
    await test(entry, blob);
  });
}

realTest(
  "DownloadEntry.putName() leaves a copy as it is that nobody changed",
  ["root"],
  () =>
    withCopy(async (entry, blob) => {
      const before = lookAt(entry.path)?.ino;
      await entry.putName(blob);
      assertEquals(lookAt(entry.path)?.ino, before);
    }),
);

realTest(
  "DownloadEntry.putName() copies a blob again whose copy was changed, though its size is the same",
  ["root"],
  () =>
    withCopy(async (entry, blob) => {
      await Deno.chmod(entry.path, 0o644);
      await Deno.writeTextFile(entry.path, "as it went");
      const later = new Date(Date.now() + 1000);
      await Deno.utime(entry.path, later, later);
      await entry.putName(blob);
      assertEquals(await Deno.readTextFile(entry.path), "as it came");
    }),
);

realTest(
  "DownloadEntry.putName() copies a blob again whose copy was replaced before it was noted",
  ["root"],
  () =>
    withCopy(async (entry, blob) => {
      await Deno.remove(entry.path);
      await Deno.writeTextFile(entry.path, "of another");
      const later = new Date(Date.now() + 1000);
      await Deno.utime(entry.path, later, later);
      await entry.putName(blob);
      assertEquals(await Deno.readTextFile(entry.path), "as it came");
    }),
);
