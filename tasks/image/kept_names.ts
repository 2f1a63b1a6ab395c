/**
 * What the names of images in registries meant when they were looked at last, kept in the cache.
 *
 * Invariants: what is kept saves requests and proves nothing: it is hashed where it is used; a dry run writes nothing; that something cannot
 * be kept or read is no reason to fail, it is asked for again.
 *
 * @module
 */
import type { Digest } from "../../lib/base/digest.ts";
import { inParallel } from "../../lib/base/in_parallel.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import type { CacheEntry } from "../../lib/cache/cache_entry.ts";
import {
  entrySchema,
  isDigestText,
  isListOf,
  isShaped,
  isText,
} from "../../lib/cache/entry_shape.ts";
import type { FoundName, KeptName, KeptPart, NameMemory } from "../../lib/oci/copy/name_memory.ts";
import { RememberedSource } from "../../lib/oci/copy/remembered_source.ts";
import type { ImageSource } from "../../lib/oci/image_store.ts";
import { largestManifestBytes } from "../../lib/oci/manifest.ts";
import type { RegistryReference } from "../../lib/oci/reference.ts";

interface NameValue extends KeptPart {
  parts: readonly KeptPart[];
}

const partShape = { required: { digest: isDigestText, mediaType: isText } };
const schema = entrySchema<NameValue>({
  required: { ...partShape.required, parts: isListOf(isShaped(partShape)) },
});
const namesAtOnce = 8;

/** Keeps in a cache what names mean. */
export class KeptNames {
  #cache: Cache;
  #sources = new Map<RememberedSource, KeptNameEntry>();

  /** Reads nothing yet. */
  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** The source of a registry, which reads nothing anew that is kept. */
  remembered(source: ImageSource, { digest }: RegistryReference): ImageSource {
    const entry = new KeptNameEntry(this.#cache, source.name);
    const remembered = new RememberedSource(source, entry, digest !== undefined);
    this.#sources.set(remembered, entry);
    return remembered;
  }

  /** Keeps what the names were found to mean, as far as it comes: what it was found for is done, whatever ends this. */
  async keep(signal: AbortSignal): Promise<void> {
    await inParallel(this.#sources, namesAtOnce, signal, async ([source, entry]) => {
      await entry.keep(await source.unkept());
    }).catch(() => {});
  }
}

/** What one name means. */
class KeptNameEntry implements NameMemory {
  #cache: Cache;
  #name: string;
  #entry: CacheEntry<NameValue>;

  constructor(cache: Cache, name: string) {
    this.#cache = cache;
    this.#name = name;
    this.#entry = cache.entry(buckets.oci, `name ${name}`, schema);
  }

  async recall(): Promise<KeptName | undefined> {
    const record = await this.#entry.read().catch(() => undefined);
    if (record === undefined) return undefined;
    const { parts, ...root } = record.value;
    return { root, parts };
  }

  async bytes(digest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const blob = await this.#cache.blobs.find(digest);
      if (blob === undefined || blob.size > largestManifestBytes) return undefined;
      return await Deno.readFile(blob.path);
    } catch {
      return undefined;
    }
  }

  /** Keeps what is new, and says of what is not that it was used. */
  async keep(found: FoundName | undefined): Promise<void> {
    try {
      if (found === undefined) return await this.#entry.touch();
      const { root: { digest, mediaType }, parts, fresh } = found;
      for (const part of fresh) {
        await this.#cache.blobs.persist(new Blob([part.bytes]).stream(), {
          digest: part.digest,
          syncFolder: false,
        });
      }
      const refs = parts.map((part) => part.digest);
      await this.#entry.write({ digest, mediaType, parts }, {
        refs,
        by: `image:sync ${this.#name}`,
        syncFolder: false,
      });
    } catch {
      // A cache that may not be written, or has no room, keeps what it has.
    }
  }
}
