/** A cache in a folder of its own, and what tests of its care put there. */
import { join } from "@std/path";
import * as v from "valibot";
import type { Digest } from "../../lib/base/digest.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { nameBlob, namedFilePath } from "../../lib/cache/named_file.ts";
import { inFolder } from "./in_folder.ts";

/** What the entries of {@linkcode put} hold. */
export const cachedSchema = v.looseObject({ digest: v.string() });

/** A day in milliseconds. */
export const dayMs = 86_400_000;

/** Runs with a cache in a temporary folder. */
export function withCache(run: (cache: Cache, folder: string) => Promise<void>): Promise<void> {
  return inFolder((folder) =>
    run(new Cache(join(folder, "cache"), { lockTimeoutMs: 1000 }), folder)
  );
}

/** The same with a cache whose locks are waited for as long as those of any other. */
export function withPatientCache(run: (cache: Cache) => Promise<void>): Promise<void> {
  return inFolder((folder) => run(new Cache(join(folder, "cache"))));
}

/** Puts an entry, its blob and the blob's own name. */
export async function put(
  cache: Cache,
  key: string,
  text: string,
  usedDaysAgo = 0,
): Promise<Digest> {
  const blob = await cache.blobs.persist(new Blob([text]).stream());
  await nameBlob(namedFilePath(cache.dir, key, "f"), blob, (folder) => cache.ensure(folder));
  const entry = cache.entry(buckets.kexec, key, cachedSchema);
  await entry.write({ digest: blob.digest, etag: '"e"' }, { refs: [blob.digest], by: "kexec" });
  const used = new Date(Date.now() - usedDaysAgo * dayMs);
  await Deno.utime(entry.path, used, used);
  return blob.digest;
}

/** Puts a blob that nothing refers to. */
export async function orphan(cache: Cache, text: string): Promise<Digest> {
  return (await cache.blobs.persist(new Blob([text]).stream())).digest;
}

/** What a prune removed, and why. */
export function reasonsOf(
  result: { plan: { items: readonly { kind: string; reason: string }[] } },
): string[] {
  return result.plan.items.map(({ kind, reason }) => `${kind}: ${reason}`);
}
