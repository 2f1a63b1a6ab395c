import { sameDigest } from "../../lib/base/digest.ts";
import { isDigest } from "../../lib/base/digest_text.ts";
import { KedgeError } from "../../lib/base/errors.ts";
import { hashFile } from "../../lib/base/hash_file.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import type { Envelope } from "../../lib/cache/entry_record.ts";
import { isNamed, nameBlob, namedFilePath } from "../../lib/cache/named_file.ts";
import { fileNameOf } from "../../lib/cache/url_key.ts";
import type { DamagedContents, Mending } from "../../lib/cache/verify_cache.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { cacheKexec } from "../kexec/kexec.ts";

/**
 * Brings back a blob or an unpacked folder that was damaged, from where its entry says that it came from: the same bytes, since its
 * digest is known. Of several entries the first that succeeds is enough. A copy comes from its blob.
 */
export async function refetchContents(
  bad: DamagedContents,
  context: TaskContext,
): Promise<Mending> {
  if (bad.kind === "copy") return await copyAgain(bad, context);
  let why = "nothing refers to it";
  for (const { bucket, envelope } of bad.pointers) {
    const wanted = bucket === buckets.kexec.folder
      ? wantedOf(bad, envelope)
      : madeAnew[bucket] ?? "it is fetched anew at its next use";
    if (typeof wanted === "string") {
      why = wanted;
      continue;
    }
    try {
      const { bytesMoved } = await cacheKexec({ ...wanted, url: envelope.key }, {
        ...context,
        refresh: "none",
      });
      await putNames(bad, context.cache);
      const how = bytesMoved === 0 ? "made again from what is in the cache" : "fetched anew";
      return { refetched: true, why: `${how}: ${envelope.key}`, bytesMoved };
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof KedgeError)) throw error;
      why = error.message;
    }
  }
  return { refetched: false, why, bytesMoved: 0 };
}

async function copyAgain(
  bad: DamagedContents,
  { cache, signal }: TaskContext,
): Promise<Mending> {
  const failed = (why: string) => ({ refetched: false, why, bytesMoved: 0 });
  if (bad.pointers.length === 0) return failed("nothing refers to it");
  const blob = await cache.blobs.find(bad.digest);
  if (blob === undefined) return failed("its blob is not there");
  const { digest } = await hashFile(blob.path, { signal });
  if (!sameDigest(digest, bad.digest)) return failed(`its blob "${blob.path}" is damaged too`);
  await putNames(bad, cache);
  return { refetched: true, why: `copied again from "${blob.path}"`, bytesMoved: 0 };
}

/** What was moved away took all of its names along: each entry of it gets its own again, not only the one that brought it back. */
async function putNames({ digest, pointers }: DamagedContents, cache: Cache): Promise<void> {
  const blob = await cache.blobs.find(digest);
  if (blob === undefined) return;
  for (const { bucket, envelope: { key, value } } of pointers) {
    const isPresent = (value as { digest?: unknown } | undefined)?.digest === digest;
    if (bucket !== buckets.kexec.folder || !isPresent || !URL.canParse(key)) continue;
    const path = namedFilePath(cache.dir, key, fileNameOf(key));
    if (!await isNamed(path, blob)) await nameBlob(path, blob, (folder) => cache.ensure(folder));
  }
}

const madeAnew: Readonly<Record<string, string>> = {
  [buckets.nars.folder]: "it is packed anew at its next use",
};

/** What brings the damaged thing of an entry back, or why nothing does. */
function wantedOf(
  bad: DamagedContents,
  { key, value }: Envelope,
): { sha256: string; unpack: boolean } | string {
  const { digest, unpacked } = value as { digest?: unknown; unpacked?: { tree?: unknown } };
  if (typeof digest !== "string" || !isDigest(digest) || !URL.canParse(key)) {
    return "its entry cannot be read";
  }
  const isPresent = bad.kind === "blob" ? digest === bad.digest : unpacked?.tree === bad.digest;
  if (!isPresent) return "it is of an earlier version, which the origin need not have any more";
  if (new URL(key).search !== "") return "its URL has a query, which the cache does not keep";
  return { sha256: digest, unpack: bad.kind === "archive" };
}
