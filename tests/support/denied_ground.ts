/** A cache of which this user may not read, or change, all. @module */
import { assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { DownloadEntry } from "../../lib/cache/download_entry.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { bundleBytes } from "./bundle.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { type ProgramResult, runKedge } from "./program.ts";
import { realTest } from "./real.ts";
import { removeTree } from "./remove_tree.ts";

interface Kept {
  url: string;
  path: string;
  pointer: string;
  blob: string;
}

/** What a test of such a cache has. */
export interface Ground {
  dir: string;
  origin: Origin;
  /** The bundle of which something may not be read. */
  mine: Kept;
  /** Another one. */
  other: Kept;
  run: (args: string[], env?: Record<string, string>) => Promise<ProgramResult>;
}

/** A test with a cache of two bundles, and what it needs beside a program that the permissions of files bind. */
export function deniedTest(
  name: string,
  test: (ground: Ground) => Promise<void>,
  needs: readonly string[] = [],
): void {
  realTest(name, [...needs, "bound"], async () => {
    const dir = await Deno.makeTempDir({ prefix: "kedge-denied-" });
    const cache = new Cache(join(dir, "cache"));
    await using origin = await originOfTwoFolders(cache);
    const run = (args: string[], env = {}) =>
      runKedge(args, { cacheDir: cache.dir, bound: true, env });
    const keep = async (path: string): Promise<Kept> => {
      const url = origin.url(path);
      // By a process that ends, so that nothing stays since it is in use.
      const { code, stdout, stderr } = await run(["kexec", "--url", url]);
      assertEquals(code, 0, stderr);
      const { entry } = new DownloadEntry(cache, buckets.kexec, url);
      const { digest } = (await entry.read())!.value;
      return { url, path: stdout.trim(), pointer: entry.path, blob: cache.blobs.path(digest) };
    };
    try {
      await test({
        dir: cache.dir,
        origin,
        mine: await keep("/mine.tar.gz"),
        other: await keep("/other.tar.gz"),
        run,
      });
    } finally {
      await removeTree(dir);
    }
  });
}

/** An origin of two bundles whose pointers lie in two folders, which follow from its port. */
async function originOfTwoFolders(cache: Cache): Promise<Origin> {
  for (;;) {
    const origin = startOrigin({
      "/mine.tar.gz": { body: bundleBytes() },
      "/other.tar.gz": { body: bundleBytes({ version: "2" }) },
    });
    const [mine, other] = ["/mine.tar.gz", "/other.tar.gz"].map((path) =>
      dirname(new DownloadEntry(cache, buckets.kexec, origin.url(path)).entry.path)
    );
    if (mine !== other) return origin;
    await origin[Symbol.asyncDispose]();
  }
}
