/** What cache:verify says of copies under their own names, which lie where a blob could not be given a second name. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { BadBlob } from "../../../lib/cache/verify_cache.ts";
import { cacheVerify } from "../../../tasks/cache/cache.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { inFolder } from "../../support/in_folder.ts";
import { startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { treeOf } from "../../support/tree.ts";
import { realTest } from "../../support/real.ts";

const body = bundleBytes({ size: 300_000 });

interface Copied {
  cache: Cache;
  /** Where the copy lies. */
  path: string;
  /** Where the blob lies, on another disk. */
  blob: string;
  /** Other bytes in a file, which its size and its date do not tell. */
  rot(path: string): Promise<void>;
}

/** A bundle whose blob lies in a layer below on another disk, so that it has its name by a copy. */
function withCopy(test: (copied: Copied) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const lower = join(folder, "lower");
    await using _disk = await mountSmallDisk(lower, 4 * 1024 * 1024);
    await using origin = startOrigin({ "/b.tar.gz": { body } });
    const options = { url: origin.url("/b.tar.gz") };
    const { digest } = await cacheKexec(options, { cache: new Cache(lower) });
    const cache = new Cache(join(folder, "cache"), { lower });
    const { path } = await cacheKexec(options, { cache, refresh: "all" });
    const blob = (await cache.blobs.find(digest!))!.path;
    assertEquals(blob.startsWith(lower), true);
    await test({
      cache,
      path,
      blob,
      rot: async (file) => {
        const { atime, mtime, mode } = await Deno.stat(file);
        await Deno.chmod(file, 0o644);
        {
          using handle = await Deno.open(file, { write: true });
          await handle.write(new TextEncoder().encode("evil"));
        }
        await Deno.chmod(file, mode! & 0o777);
        await Deno.utime(file, atime!, mtime!);
      },
    });
  });
}

const badOf = (error: VerificationError) => error.data["bad"] as readonly BadBlob[];

realTest(
  "cache:verify reads a copy, and copies a damaged one again from its blob",
  ["root"],
  () =>
    withCopy(async ({ cache, path, blob, rot }) => {
      const whole = await cacheVerify({}, { cache });
      assertEquals([whole.blobs, whole.copies, whole.bytes], [0, 1, body.length]);
      await rot(path);
      const before = await treeOf(cache.dir);
      const foreseen = await assertRejects(
        () => cacheVerify({}, { cache, dryRun: true }),
        VerificationError,
      );
      assertEquals(badOf(foreseen).map(({ kind }) => kind), ["copy"]);
      assertEquals(await treeOf(cache.dir), before);
      const { bad, bytesMoved } = await cacheVerify({}, { cache });
      assertEquals(
        bad.map(({ kind, movedAway, refetched, why }) => [kind, movedAway, refetched, why]),
        [["copy", true, true, `copied again from "${blob}"`]],
      );
      assertEquals([bytesMoved, await Deno.readFile(path)], [0, body]);
      assertEquals(
        (await Array.fromAsync(Deno.readDir(join(cache.dir, "quarantine-v1")))).length,
        1,
      );
      assertEquals((await cacheVerify({}, { cache })).bad, []);
    }),
);

realTest(
  "cache:verify copies nothing again from a blob that is damaged too",
  ["root"],
  () =>
    withCopy(async ({ cache, path, blob, rot }) => {
      await Promise.all([path, blob].map(rot));
      const error = await assertRejects(() => cacheVerify({}, { cache }), VerificationError);
      assertStringIncludes(badOf(error)[0]!.why, `"${blob}" is damaged too`);
      await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
    }),
);

realTest(
  "cache:verify within a budget comes to a copy in the end, and tells of it on the command line",
  ["root"],
  () =>
    withCopy(async ({ cache, path, rot }) => {
      await cache.blobs.persist(new Blob(["another"]).stream());
      // The blob of the copy lies in this layer too.
      await cache.blobs.persist(new Blob([body]).stream());
      const all = await runKedge(["cache:verify"], { cacheDir: cache.dir });
      assertStringIncludes(all.stdout, "2 blobs, 0 unpacked folders and 1 named file, ");
      await rot(path);
      const run = () =>
        runKedge(["cache:verify", "--budget-bytes=1B"], {
          cacheDir: cache.dir,
          env: { KEDGE_CACHE_LOWER: cache.lower! },
        });
      const runs = [await run(), await run(), await run()];
      assertEquals(runs.map(({ code }) => code).toSorted(), [0, 0, 3]);
      const { stdout } = await run();
      assertStringIncludes(stdout, "1 blob and 0 unpacked folders, ");
    }),
);
