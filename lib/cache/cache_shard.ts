import { join } from "@std/path";
import { sha256 } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import type { FileLock } from "../base/file_lock.ts";
import { CacheEntry, type EntryHost } from "./cache_entry.ts";
import type { CacheLockOptions } from "./cache_lock.ts";
import { entryFileOf } from "./entry_file.ts";
import type { EntrySchema } from "./entry_schema.ts";

/** A part of a bucket with entries, shards and a lock of its own. */
export class CacheShard {
  /** Its folder. */
  readonly dir: string;
  #name: string;
  #lowerDir: string | undefined;
  #host: EntryHost;

  /** Touches no disk. */
  constructor(
    options: { dir: string; lowerDir?: string | undefined; name: string; host: EntryHost },
  ) {
    this.dir = options.dir;
    this.#name = options.name;
    this.#lowerDir = options.lowerDir;
    this.#host = options.host;
  }

  /** The pointer of a key; its file is named by the digest of the key. */
  entry<T>(key: string, schema: EntrySchema<T>): CacheEntry<T> {
    const relative = entryFileOf(digestHex(sha256(key)));
    return new CacheEntry({
      path: join(this.dir, relative),
      lowerPath: this.#lowerDir === undefined ? undefined : join(this.#lowerDir, relative),
      key,
      schema,
      host: this.#host,
    });
  }

  /** A shard within this one. */
  shard(name: string): CacheShard {
    const safe = encodeURIComponent(name).replace(/\./g, "%2E");
    return new CacheShard({
      dir: join(this.dir, safe),
      lowerDir: this.#lowerDir === undefined ? undefined : join(this.#lowerDir, safe),
      name: `${this.#name}/${safe}`,
      host: this.#host,
    });
  }

  /** Locks the whole shard. */
  async lock(options: CacheLockOptions = {}): Promise<FileLock> {
    return await this.#host.lock(this.#name, options);
  }
}
