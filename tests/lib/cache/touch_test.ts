import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { cachedSchema } from "../../support/cache_ground.ts";
import { inFolder } from "../../support/in_folder.ts";

Deno.test("CacheEntry.touch() notes a use at most once an hour", () =>
  inFolder(async (folder) => {
    const hourMs = 3_600_000;
    let now = 0;
    const cache = new Cache(join(folder, "cache"), { now: () => now });
    const entry = cache.entry(buckets.kexec, "k", cachedSchema);
    await entry.write({ digest: "x" });
    const writtenMs = 1_700_000_000_000;
    for (const [laterMs, notedMs] of [[hourMs - 1, writtenMs], [hourMs, writtenMs + hourMs]]) {
      await Deno.utime(entry.path, new Date(writtenMs), new Date(writtenMs));
      now = writtenMs + laterMs!;
      const read = cache.entry(buckets.kexec, "k", cachedSchema);
      await read.read();
      await read.touch();
      assertEquals((await Deno.stat(entry.path)).mtime?.getTime(), notedMs);
    }
  }));
