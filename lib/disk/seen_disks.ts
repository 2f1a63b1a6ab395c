/**
 * The disks that this machine pushed or pulled, and their indexes, in the cache.
 *
 * @module
 */
import { join } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { KedgeError } from "../base/errors.ts";
import { folderNames } from "../base/files.ts";
import { buckets } from "../cache/buckets.ts";
import type { Cache } from "../cache/cache.ts";
import { readEnvelope } from "../cache/read_envelope.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import { type ImageReference, parseReference } from "../oci/reference.ts";
import { keepBytes } from "./keep_bytes.ts";
import * as v from "valibot";

const seenSchema = v.object({
  index: v.pipe(v.string(), v.check((text) => isDigest(text), "not a digest")),
});

/** A disk that was seen. */
export interface SeenDisk {
  /** The digest of its manifest. */
  readonly digest: Digest;
  /** The digest of its index. */
  readonly index: Digest;
  /** The reference by which it was seen. */
  readonly name: string;
}

/** Keeps the index of a disk, so that the next look at it moves nothing. */
export async function keepDisk(
  cache: Cache,
  image: {
    readonly indexBlob: DiskBlob;
    readonly indexBytes: Uint8Array<ArrayBuffer>;
    readonly manifest: { readonly digest: Digest };
  },
  name: string,
): Promise<void> {
  const { indexBlob, indexBytes, manifest } = image;
  const { digest } = indexBlob;
  await keepBytes(cache, indexBytes, digest);
  await cache.bucket(buckets.disks).shard("images").entry(manifest.digest, seenSchema)
    .write({ index: digest }, { refs: [digest], by: name });
}

/** The disks that were seen, the latest first. */
export async function seenDisks(cache: Cache): Promise<SeenDisk[]> {
  const folder = cache.bucket(buckets.disks).shard("images").dir;
  const seen: (SeenDisk & { updated: string })[] = [];
  for (const shard of await folderNames(folder)) {
    for (const name of await folderNames(join(folder, shard))) {
      if (!name.endsWith(".json")) continue;
      const { envelope } = await readEnvelope(join(folder, shard, name));
      const parsed = v.safeParse(seenSchema, envelope?.value);
      if (envelope === undefined || !parsed.success || !isDigest(envelope.key)) continue;
      seen.push({
        digest: envelope.key,
        index: parsed.output.index as Digest,
        name: envelope.by,
        updated: envelope.updated,
      });
    }
  }
  return seen.sort((a, b) => b.updated.localeCompare(a.updated));
}

const mostNearby = 3;

/** Disks of the same repository or layout that were seen, under whatever tag; the latest first. */
export async function seenNearby(cache: Cache, reference: ImageReference): Promise<SeenDisk[]> {
  const seen = await seenDisks(cache);
  return seen.filter(({ name }) => placeOf(name) === placeOf(reference)).slice(0, mostNearby);
}

function placeOf(name: string | ImageReference): string | undefined {
  try {
    const reference = typeof name === "string" ? parseReference(name) : name;
    return reference.transport === "docker"
      ? `docker://${reference.host}/${reference.repository}`
      : `oci:${reference.folder}`;
  } catch (error) {
    if (error instanceof KedgeError) return undefined; // What an older version wrote there.
    throw error;
  }
}
