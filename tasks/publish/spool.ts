import { join } from "@std/path";
import * as v from "valibot";
import { removeIfThere, type TemporaryFolder } from "../../lib/base/atomic_file.ts";
import { type Digest, sha256 } from "../../lib/base/digest.ts";
import { isDigest } from "../../lib/base/digest_text.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import type { CacheEntry } from "../../lib/cache/cache_entry.ts";
import { type NarPacking, packingKey } from "../../lib/nix/nar/compression.ts";
import type { NarSpool, SpooledNar } from "../../lib/nix/nar/nar_spool.ts";
import type { ProofMemory, RememberedProof } from "../../lib/nix/stores/proof_memory.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import type { UploadSession, UploadSessions } from "../../lib/nix/stores/upload_sessions.ts";
import type { PackedNar } from "../../lib/nix/nar/packed_nar.ts";

const digestSchema = v.custom<Digest>(
  (data) => typeof data === "string" && isDigest(data),
  "not a digest",
);
const packedSchema = v.looseObject({
  narHash: digestSchema,
  narSize: v.number(),
  fileHash: digestSchema,
  fileSize: v.number(),
});

const sessionSchema = v.object({
  uploadId: v.string(),
  partBytes: v.number(),
  parts: v.record(v.string(), v.string()),
});

const proofSchema = v.object({
  at: v.number(),
  keys: v.array(v.string()),
  paths: v.record(
    v.string(),
    v.object({ narHash: digestSchema, url: v.string(), fileSize: v.number() }),
  ),
});

/**
 * Keeps packed NARs as blobs of the cache, and remembers uploads and proofs.
 *
 * The bytes of a NAR are durable before it has a name; the names are so whenever the system comes to it, since a NAR whose name was lost in a
 * power cut is packed anew, and a kill loses none.
 */
export class PublishSpool implements NarSpool, UploadSessions, ProofMemory, AsyncDisposable {
  #cache: Cache;
  #folder: Promise<TemporaryFolder> | undefined;
  #leases = 0;
  readonly #absent = new Set<string>();
  readonly #lent = new Set<string>();

  /** Touches no disk. */
  constructor(cache: Cache) {
    this.#cache = cache;
  }

  async find(narHash: Digest, packing: NarPacking): Promise<SpooledNar | undefined> {
    const entry = this.#entry(narHash, packing);
    // Asked for by the plan of each store; nobody else is waited for.
    if (this.#absent.has(entry.path)) return undefined;
    const record = await entry.read();
    if (record === undefined) this.#absent.add(entry.path);
    if (record === undefined || record.value.narHash !== narHash) return undefined;
    const { narSize, fileHash, fileSize } = record.value;
    const blob = await this.#cache.blobs.find(fileHash, fileSize);
    return blob === undefined
      ? undefined
      : { narHash, narSize, fileHash, fileSize, path: blob.path };
  }

  async drop({ narHash, fileHash }: SpooledNar, packing: NarPacking): Promise<void> {
    await this.#entry(narHash, packing).remove();
    await this.#cache.blobs.remove(fileHash);
  }

  async lease(): Promise<{ path: string } & AsyncDisposable> {
    const folder = await (this.#folder ??= this.#cache.temporaryFolder("nars"));
    const path = join(folder.path, String(this.#leases++));
    this.#lent.add(path);
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        if (this.#lent.delete(path)) await removeIfThere(path);
      },
    };
  }

  async get(url: string): Promise<UploadSession | undefined> {
    return (await this.#session(url).read())?.value;
  }

  async set(url: string, session: UploadSession): Promise<void> {
    await this.#session(url).write(session, { by: `publish ${url}` });
  }

  async delete(url: string): Promise<void> {
    await this.#session(url).remove();
  }

  #session(url: string): CacheEntry<UploadSession> {
    return this.#cache.entry(buckets.nars, `upload ${url}`, sessionSchema);
  }

  async recall(
    url: string,
    closure: readonly SourcePath[],
  ): Promise<RememberedProof | undefined> {
    return (await this.#proof(url, closure).read())?.value;
  }

  async remember(
    url: string,
    closure: readonly SourcePath[],
    proof: RememberedProof,
  ): Promise<void> {
    await this.#proof(url, closure).write(
      { ...proof, keys: [...proof.keys] },
      { by: `publish ${url}` },
    );
  }

  #proof(
    url: string,
    closure: readonly SourcePath[],
  ): CacheEntry<v.InferOutput<typeof proofSchema>> {
    const names = closure.map(({ storePath }) => storePath.path).join("\n");
    return this.#cache.entry(buckets.nars, `proof ${url} ${sha256(names)}`, proofSchema);
  }

  /** Removes what is left of packing. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#folder)?.[Symbol.asyncDispose]();
    this.#folder = undefined;
  }

  async keep(
    path: string,
    packed: PackedNar,
    packing: NarPacking,
    label: string,
  ): Promise<SpooledNar> {
    const { narHash, narSize, fileHash, fileSize } = packed;
    const blob = await this.#cache.blobs.persistFile(path, {
      verified: { digest: fileHash, size: fileSize },
      syncFolder: false,
    });
    this.#lent.delete(path);
    const entry = this.#entry(narHash, packing);
    await entry.write({ narHash, narSize, fileHash, fileSize }, {
      refs: [fileHash],
      by: `publish ${label}`,
      isNew: this.#absent.delete(entry.path),
      syncFolder: false,
    });
    return { ...packed, path: blob.path, fresh: true };
  }

  #entry(
    narHash: Digest,
    packing: NarPacking,
  ): CacheEntry<v.InferOutput<typeof packedSchema>> {
    return this.#cache.entry(buckets.nars, `${narHash} ${packingKey(packing)}`, packedSchema);
  }
}
