/**
 * Where on this machine blobs of images may be: in the cache, and in the layouts that were written or read before.
 *
 * Invariants: what comes from here is a guess, and every byte of it is hashed where it is used; a file of the cache may get a second name,
 * since nobody changes it, while a layout is its owner's, so that its blobs are copied.
 *
 * @module
 */
import { join, resolve } from "@std/path";
import * as v from "valibot";
import { folderNames } from "../../lib/base/files.ts";
import { plainPath } from "../../lib/base/plain_path.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import { readEnvelope } from "../../lib/cache/read_envelope.ts";
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { Layout } from "../../lib/oci/layout/layout.ts";
import type { LocalBlob, LocalBlobs } from "../../lib/oci/local_blobs.ts";

const layoutSchema = v.object({ folder: v.string() });
const mostLayouts = 64;

/** Finds blobs in the cache and in known layouts. */
export class KnownBlobs implements LocalBlobs {
  #cache: Cache;
  #layouts: Promise<readonly Layout[]> | undefined;

  /** Looks nowhere yet. */
  constructor(cache: Cache) {
    this.#cache = cache;
  }

  async find(
    descriptor: Pick<Descriptor, "digest" | "size">,
    exceptFolder?: string,
  ): Promise<LocalBlob | undefined> {
    const cached = await this.#cache.blobs.find(descriptor.digest, descriptor.size);
    if (cached !== undefined) return { path: cached.path, linkable: true };
    const except = exceptFolder === undefined ? undefined : resolve(plainPath(exceptFolder));
    for (const layout of await (this.#layouts ??= knownLayouts(this.#cache))) {
      if (layout.folder === except) continue;
      // A layout that cannot be read cannot serve, and is no reason to fail.
      if (!await layout.has(descriptor).catch(() => false)) continue;
      return { path: layout.blobPath(descriptor.digest), linkable: false };
    }
    return undefined;
  }
}

/** Keeps in mind that there are layouts in folders. */
export async function rememberLayouts(cache: Cache, folders: Iterable<string>): Promise<void> {
  const layouts = cache.bucket(buckets.oci).shard("layouts");
  for (const folder of new Set(folders)) {
    const absolute = resolve(plainPath(folder));
    const entry = layouts.entry(absolute, layoutSchema);
    await entry.write({ folder: absolute }, { by: `oci:${absolute}` });
  }
}

/** The layouts that were seen, the latest first. */
async function knownLayouts(cache: Cache): Promise<Layout[]> {
  const root = cache.bucket(buckets.oci).shard("layouts").dir;
  const seen: { updated: string; folder: string }[] = [];
  for (const shard of await folderNames(root)) {
    for (const name of await folderNames(join(root, shard))) {
      if (!name.endsWith(".json")) continue;
      const { envelope } = await readEnvelope(join(root, shard, name));
      const parsed = v.safeParse(layoutSchema, envelope?.value);
      if (envelope === undefined || !parsed.success) continue;
      seen.push({ updated: envelope.updated, folder: parsed.output.folder });
    }
  }
  seen.sort((a, b) => b.updated.localeCompare(a.updated));
  return seen.slice(0, mostLayouts).map(({ folder }) => new Layout(folder));
}
