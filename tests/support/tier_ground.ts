/** What tests of tiers hand about. @module */
import { join } from "@std/path";
import { type Digest, sha256 } from "../../lib/base/digest.ts";
import { Cache } from "../../lib/cache/cache.ts";
import type { Tier, TierRecord } from "../../lib/cache/tier.ts";
import { cacheKexec, type CacheKexecOptions } from "../../tasks/kexec/kexec.ts";
import { bundleBytes } from "./bundle.ts";
import { type Origin, startOrigin } from "./origin.ts";

/** A bundle. */
export const body = bundleBytes();

/** A newer version of it. */
export const newer = bundleBytes({ version: "2" });

/** A bundle of as many bytes as the newer one. */
export const wrong = newer.slice();
wrong[4]! ^= 1;

/** Tries that need no patience. */
export const quick = { retry: { retries: 1, baseMs: 1, ceilingMs: 2 } };

/** The digest of a body in bytes. */
export const bytesOf = (bytes: Uint8Array) => Uint8Array.fromHex(sha256(bytes).slice(7));

/** The ETag of a body. */
export const etagOf = (bytes: Uint8Array) => `"${sha256(bytes).slice(7, 23)}"`;

/** A tier that does what it is told. */
class FakeTier implements Tier {
  label = "the tier";
  isTrusted = false;
  puts: TierRecord[] = [];
  record: TierRecord | undefined;
  contents: Uint8Array<ArrayBuffer> | undefined;
  failure: string | undefined;

  /** Gives what it has for every digest. */
  lies = false;
  opened: Digest[] = [];

  find(): Promise<TierRecord | undefined> {
    return this.#answer(this.record);
  }
  open(digest: Digest): Promise<{ stream: ReadableStream<Uint8Array>; size: number } | undefined> {
    this.opened.push(digest);
    const { contents } = this;
    const isThere = contents !== undefined && (this.lies || sha256(contents) === digest);
    return this.#answer(
      isThere ? { stream: new Blob([contents]).stream(), size: contents.length } : undefined,
    );
  }
  async put(_key: string, record: TierRecord): Promise<void> {
    await this.#answer(undefined);
    this.puts.push(record);
  }
  async #answer<T>(value: T): Promise<T> {
    await Promise.resolve();
    if (this.failure !== undefined) throw new Error(this.failure);
    return value;
  }
}

/** Runs with a tier and an origin of {@linkcode body}. */
export async function withTier(
  test: (bench: {
    tier: FakeTier;
    origin: Origin;
    notes: string[];
    /** Runs with a cache of its own. */
    run: (options?: CacheKexecOptions) => ReturnType<typeof cacheKexec>;
    /** Refreshes with the cache of a run before. */
    again: (before: { path: string }, options?: CacheKexecOptions) => ReturnType<typeof cacheKexec>;
  }) => Promise<void>,
): Promise<void> {
  await using origin = startOrigin({ "/k.tar.gz": { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-tier-" });
  const tier = new FakeTier();
  const notes: string[] = [];
  let count = 0;
  const runIn = (dir: string, refresh: "all" | "none", options: CacheKexecOptions = {}) =>
    cacheKexec({ url: origin.url("/k.tar.gz"), ...quick, ...options }, {
      cache: new Cache(dir, { tier }),
      refresh,
      report: (event) => event.type === "note" && notes.push(event.message),
    });
  try {
    await test({
      tier,
      origin,
      notes,
      run: (options) => runIn(join(folder, String(count++)), "none", options),
      again: ({ path }, options) =>
        runIn(path.slice(0, path.indexOf("/files-v1/")), "all", options),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a tier remembers of a body. */
export const remembered = (bytes: Uint8Array): TierRecord => ({
  digest: sha256(bytes),
  size: bytes.length,
  validators: { etag: etagOf(bytes) },
});
