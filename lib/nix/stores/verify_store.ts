/**
 * Proves that a binary cache holds a closure.
 *
 * Invariants: every narinfo is read anew from where readers find it, and every field of it that Nix goes by is compared; every NAR is there
 * with its size; all references are proven too; where reading costs no network, every NAR is hashed.
 * No path is left out, and an empty closure proves nothing.
 *
 * @module
 */
import { delay } from "@std/async";
import { type Digest, sameDigest, sha256 } from "../../base/digest.ts";
import { IncompleteError, toError, VerificationError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { WrittenNarInfos } from "./move_options.ts";
import type { NarInfo } from "../nar/nar_info.ts";
import type { ProofMemory, ProvenPath } from "./proof_memory.ts";
import { unpackNar } from "../nar/unpack_nar.ts";
import { differenceOf, isSignedBy } from "./plan_store.ts";
import type { PublishStore } from "./publish_store.ts";
import type { SourcePath } from "../source_path.ts";
import type { StoreFailure } from "./store_failures.ts";

/** What is proven: that NARs are there with their size, or every byte of them is read, unpacked and hashed. */
export type VerifyDepth = "present" | "full";

/** The proof that a store holds a closure. */
export interface StoreProof {
  /** Where it was written. */
  store: string;
  /** Where it was read. */
  read: string;
  /** When it was proven, in ISO 8601. */
  at: string;
  /** How deep. */
  depth: VerifyDepth;
  /** The sha256 of each narinfo, by hash part. */
  narInfos: Record<string, Digest>;
}

/** Hashes a file of this size in bytes. */
export type HashFile = (path: string, size: number) => Promise<Digest>;

/** What proving needs. */
export interface VerifyStoreOptions {
  /** How deep to go. */
  depth: VerifyDepth;
  /** What was written just before, by base name. */
  written: WrittenNarInfos;
  /** Hashes the files of stores that are folders; it minds itself how many at once. */
  hash: HashFile;
  /** Keeps what was proven where asking again costs requests. */
  memory?: ProofMemory;
  /** Told of waits. */
  meter: Meter;
  /** The clock, in milliseconds since 1970. */
  now: () => number;
  /** Ends the proving. */
  signal: AbortSignal;
}

/**
 * Proves every path of a closure in a store, waiting for what was written to be seen as long as the store may take.
 *
 * @returns the proof, or what is wrong
 */
export async function verifyStore(
  store: PublishStore,
  closure: readonly SourcePath[],
  options: VerifyStoreOptions,
): Promise<{ proof: StoreProof; failures?: never } | { proof?: never; failures: StoreFailure[] }> {
  const { cache, publicKeys } = store;
  const deadline = performance.now() + store.propagationMs;
  const digests = new Map<string, Digest>();
  const proven: Record<string, ProvenPath> = {};
  // What takes long is begun first.
  let open: readonly SourcePath[] = closure.toSorted((a, b) => b.narSize - a.narSize);
  let failures: StoreFailure[] = [];
  let waitMs = 250;
  for (;;) {
    failures = [];
    await store.refresh?.(closure, options.signal);
    const results = await Promise.all(open.map(async (source) => {
      try {
        const { digest, path } = await provePath(store, source, options);
        digests.set(source.storePath.hashPart, digest);
        proven[source.storePath.hashPart] = path;
        return undefined;
      } catch (error) {
        options.signal.throwIfAborted();
        failures.push({ store: cache.url, path: source.storePath.path, error });
        return source;
      }
    }));
    open = results.filter((each) => each !== undefined);
    const leftMs = deadline - performance.now();
    if (open.length === 0 || leftMs <= 0) break;
    options.meter.note(
      `${open.length} of ${closure.length} paths are not yet seen at ${cache.reader.url}: ${
        toError(failures[0]?.error).message
      }; looking again in ${Math.round(Math.min(waitMs, leftMs))} ms`,
      "warning",
    );
    await delay(Math.min(waitMs, leftMs), { signal: options.signal });
    waitMs = Math.min(waitMs * 2, 5000);
  }
  const at = options.now();
  if (cache.reader.requestsEach > 0) {
    const keys = publicKeys.map((key) => key.text);
    await options.memory?.remember(cache.reader.url, closure, { at, keys, paths: proven });
  }
  if (closure.length === 0) {
    failures.push({ store: cache.url, error: new IncompleteError("there is nothing to prove") });
  }
  if (failures.length > 0) return { failures };
  const proof: StoreProof = {
    store: cache.url,
    read: cache.reader.url,
    at: new Date(at).toISOString(),
    depth: options.depth,
    narInfos: Object.fromEntries([...digests].sort(([a], [b]) => a < b ? -1 : 1)),
  };
  return { proof };
}

/** Proves one path; gives the digest of its narinfo, and what there is to remember. */
async function provePath(
  store: PublishStore,
  source: SourcePath,
  options: VerifyStoreOptions,
): Promise<{ digest: Digest; path: ProvenPath }> {
  const { depth, hash, signal } = options;
  const { info, digest, size } = await store.limit.run(async () => {
    const found = await proveNarInfo(store, source, options);
    if (depth === "full") await proveContents(store, found.info, signal);
    return found;
  }, signal);
  // A thread that hashes a large NAR holds up none of the small ones.
  if (depth === "present") await proveBytes(store, info, size, hash);
  return { digest, path: { narHash: info.narHash, url: info.url, fileSize: size } };
}

/** Proves that the narinfo says what it must, and that its NAR is there with its size. */
async function proveNarInfo(
  store: PublishStore,
  source: SourcePath,
  options: VerifyStoreOptions,
): Promise<{ info: NarInfo; digest: Digest; size: number }> {
  const { cache, publicKeys } = store;
  const { signal } = options;
  const missing = (state: string) =>
    new IncompleteError(`${state} at ${cache.reader.url}`, {
      hint: cache.reader.url === cache.writer.url
        ? "the store took it and lost it; publish again"
        : "the reading URL may be wrong, its cache may lag behind, or reading may not be allowed; --propagation waits longer",
    });
  const found = await cache.narInfo(source.storePath.hashPart, { signal });
  if (found === undefined) throw missing("its narinfo is not there");
  if (found.info === undefined) throw found.error;
  const { info, text } = found;
  const written = options.written.get(source.storePath.baseName);
  const difference = differenceOf(info, source) ??
    (written === undefined ? undefined : staleness(info, written));
  if (difference !== undefined) {
    throw new VerificationError(
      `the narinfo at ${cache.reader.url} is not the one that was published: ${difference}`,
      { hint: "an old copy may be served; purge it, or wait longer with --propagation" },
    );
  }
  for (const key of publicKeys) {
    if (!await isSignedBy(info, key)) {
      throw new VerificationError(
        `the narinfo at ${cache.reader.url} has no signature of the key ${key.name}`,
      );
    }
  }
  const size = await cache.reader.size(info.url, { signal });
  if (size === undefined) throw missing(`its NAR "${info.url}" is not there`);
  if (info.fileSize !== undefined && size !== info.fileSize) {
    throw new VerificationError(
      `the NAR "${info.url}" at ${cache.reader.url} has ${size} bytes instead of ${info.fileSize}`,
      { hint: "it was cut on the way; publish again" },
    );
  }
  return { info, digest: sha256(text), size };
}

/** Hashes the packed NAR as the store gives it. */
async function proveBytes(
  store: PublishStore,
  info: NarInfo,
  size: number,
  hash: HashFile,
): Promise<void> {
  const path = store.cache.reader.pathOf?.(info.url);
  if (path === undefined || info.fileHash === undefined) return;
  const digest = await hash(path, size);
  if (sameDigest(digest, info.fileHash)) return;
  throw new VerificationError(
    `the NAR "${info.url}" at ${store.cache.reader.url} has the digest ${digest} instead of ${info.fileHash}`,
    {
      data: { expected: info.fileHash, actual: digest },
      hint: "remove that NAR from the store and publish again",
    },
  );
}

/** Unpacks the NAR as the store gives it, and hashes both. */
async function proveContents(
  store: PublishStore,
  info: NarInfo,
  signal: AbortSignal,
): Promise<void> {
  const stream = await openNar(store, info, signal);
  const hint = "remove that NAR from the store and publish again";
  const at = `the NAR "${info.url}" at ${store.cache.reader.url}`;
  const unpacked = await unpackNar(stream, info.compression, { signal, narSize: info.narSize })
    .catch((cause) => {
      if (!(cause instanceof VerificationError)) throw cause;
      throw new VerificationError(`${at} is broken: ${cause.message}`, { cause, hint });
    });
  const wrong = unpacked.narHash !== info.narHash || unpacked.narSize !== info.narSize ||
    (info.fileHash !== undefined && unpacked.fileHash !== info.fileHash);
  if (!wrong) return;
  throw new VerificationError(
    `${at} holds ${unpacked.narHash} instead of ${info.narHash}`,
    { data: { expected: info.narHash, actual: unpacked.narHash }, hint },
  );
}

async function openNar(
  store: PublishStore,
  info: NarInfo,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const stream = await store.cache.reader.open(info.url, { signal });
  if (stream !== undefined) return stream;
  throw new IncompleteError(`its NAR "${info.url}" is not there at ${store.cache.reader.url}`);
}

/** What a narinfo says otherwise than the one that was just written. */
function staleness(info: NarInfo, written: NarInfo): string | undefined {
  for (const field of ["url", "compression", "fileHash", "fileSize", "deriver", "ca"] as const) {
    if (info[field] !== written[field]) {
      return `${field} is ${info[field]} instead of ${written[field]}`;
    }
  }
  return undefined;
}
