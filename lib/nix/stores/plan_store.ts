/**
 * What a binary cache lacks of a closure.
 *
 * Invariants: every path is asked for, its narinfo and its NAR; a narinfo whose NAR is gone counts as lost; nothing is written. Of a path
 * that was proven a short while ago, the NAR alone is asked for, and the plan says since when its narinfo was not looked at.
 *
 * @module
 */
import { VerificationError } from "../../base/errors.ts";
import { narKey } from "./binary_cache.ts";
import type { NarPacking } from "../nar/compression.ts";
import { pinFolder } from "./file_pins.ts";
import { fingerprint, type NarInfo } from "../nar/nar_info.ts";
import type { NarSpool, SpooledNar } from "../nar/nar_spool.ts";
import type { ProvenPath, RememberedProof } from "./proof_memory.ts";
import type { PublishStore } from "./publish_store.ts";
import type { SourcePath } from "../source_path.ts";
import { verifySignature } from "../signing_key.ts";

/** Why something must be written for a path. */
export type GapReason =
  | "not there"
  | "its narinfo cannot be read"
  | "its narinfo is of another path"
  | "its NAR is lost"
  | "not signed by our key"
  | "its narinfo is not there";

/** How a path stands in a store. */
export interface PathState {
  /** The path. */
  source: SourcePath;
  /** What is wrong; `undefined` where all is there. */
  gap?: GapReason;
  /** Whether its NAR must be sent. */
  sendNar: boolean;
  /** What the store says of it now. */
  standing?: NarInfo;
  /** The NAR that lies there without a narinfo. */
  narThere?: SpooledNar;
  /** What was proven of it a short while ago, where its narinfo was not asked for anew. */
  proven?: ProvenPath;
}

/** The size of a NAR that lies in the store, in bytes. */
export function standingBytes({ narThere, standing, proven }: PathState): number {
  return narThere?.fileSize ?? standing?.fileSize ?? proven?.fileSize ?? 0;
}

/** How a closure stands in a store. */
export interface StorePlan {
  /** The store. */
  store: PublishStore;
  /** Whether `nix-cache-info` must be written. */
  putInfo: boolean;
  /** Each path of the closure, in its order. */
  states: readonly PathState[];
  /** When the narinfos that were not asked for anew were proven, in milliseconds since 1970. */
  provenAt?: number;
}

/** What planning needs. */
export interface PlanStoreOptions {
  /** How NARs are packed. */
  packing: NarPacking;
  /** NARs that lie ready. */
  spool: NarSpool;
  /** Whether other builds of the same paths are replaced. */
  replace: boolean;
  /** Whether the closure is pinned there, too, while it is written. @default {false} */
  pins?: boolean;
  /** What was proven of the closure in this store a short while ago. */
  proof?: RememberedProof | undefined;
  /** Ends the planning. */
  signal: AbortSignal;
}

/**
 * Asks a store for every path of a closure.
 *
 * @throws {VerificationError} if it belongs to another store folder, or holds another build of a path
 * @throws {NotAllowedError} if this user may not write what it lacks
 */
export async function planStore(
  store: PublishStore,
  closure: readonly SourcePath[],
  options: PlanStoreOptions,
): Promise<StorePlan> {
  const { cache, limit } = store;
  const { signal } = options;
  await store.refresh?.(closure, signal);
  const info = await cache.info({ signal });
  const storeDir = closure[0]?.storePath.storeDir;
  if (info !== undefined && storeDir !== undefined && info.storeDir !== storeDir) {
    throw new VerificationError(
      `Cannot publish to "${cache.url}": it is a cache of ${info.storeDir}, the closure is of ${storeDir}`,
      { side: "destination" },
    );
  }
  const states = await Promise.all(
    closure.map((source) => limit.run(() => planPath(store, source, options), signal)),
  );
  if (states.some((state) => state.gap !== undefined)) {
    const nars = states.some((state) => state.sendNar) ? ["nar"] : [];
    cache.writer.foresee?.(["", ...nars, ...(options.pins ? [pinFolder] : [])]);
  }
  return {
    store,
    putInfo: info === undefined && store.pusher === undefined,
    states,
    ...(options.proof !== undefined && states.some((state) => state.proven !== undefined)
      ? { provenAt: options.proof.at }
      : {}),
  };
}

async function planPath(
  store: PublishStore,
  source: SourcePath,
  options: PlanStoreOptions,
): Promise<PathState> {
  const { cache, keys } = store;
  const { signal } = options;
  const proven = options.proof?.paths[source.storePath.hashPart];
  if (proven?.narHash === source.narHash) {
    const size = await cache.reader.size(proven.url, { signal });
    if (size === proven.fileSize) return { source, sendNar: false, proven };
  }
  const found = await cache.narInfo(source.storePath.hashPart, { signal });
  const gap = (reason: GapReason, more: Partial<PathState> = {}): PathState => ({
    source,
    gap: reason,
    sendNar: true,
    ...more,
  });
  if (found === undefined) {
    const spooled = await options.spool.find(source.narHash, options.packing);
    if (spooled === undefined) return gap("not there");
    const key = narKey(spooled.fileHash, options.packing.compression);
    const size = await cache.reader.size(key, { signal });
    return size === spooled.fileSize
      ? gap("its narinfo is not there", { sendNar: false, narThere: spooled })
      : gap("not there");
  }
  if (found.info === undefined) return gap("its narinfo cannot be read");
  const standing = found.info;
  if (standing.storePath.path !== source.storePath.path) {
    return gap("its narinfo is of another path");
  }
  const difference = differenceOf(standing, source);
  if (difference !== undefined) {
    if (options.replace) return gap("its narinfo is of another path");
    throw otherBuildError(source, cache.url, standing, difference);
  }
  const size = await cache.reader.size(standing.url, { signal });
  if (size === undefined || (standing.fileSize !== undefined && size !== standing.fileSize)) {
    return gap("its NAR is lost", { standing });
  }
  const signed = await Promise.all(keys.map((key) => isSignedBy(standing, key.publicKey)));
  if (!signed.every(Boolean)) {
    return gap("not signed by our key", { standing, sendNar: false });
  }
  return { source, sendNar: false, standing };
}

/** What a narinfo says otherwise than the Nix store does; `undefined` where they agree. */
export function differenceOf(info: NarInfo, source: SourcePath): string | undefined {
  if (info.storePath.path !== source.storePath.path) return `StorePath is ${info.storePath.path}`;
  if (info.narHash !== source.narHash) {
    return `NarHash is ${info.narHash} instead of ${source.narHash}`;
  }
  if (info.narSize !== source.narSize) {
    return `NarSize is ${info.narSize} instead of ${source.narSize}`;
  }
  const references = [...info.references].sort().join(" ");
  return references === [...source.references].sort().join(" ")
    ? undefined
    : `References are ${references}`;
}

/** The error of a store that holds another build of a path. */
export function otherBuildError(
  source: SourcePath,
  store: string,
  standing: NarInfo,
  difference: string,
): VerificationError {
  return new VerificationError(
    `Cannot publish "${source.storePath.path}" to "${store}": it holds another build of it (${difference})`,
    {
      side: "destination",
      hint: "publish the build that the store has, or replace it there with --replace",
      data: { ours: source.narHash, theirs: standing.narHash },
    },
  );
}

/** Whether one of a narinfo's signatures is of this key. */
export async function isSignedBy(
  info: NarInfo,
  key: Parameters<typeof verifySignature>[0],
): Promise<boolean> {
  const text = fingerprint(info);
  for (const signature of info.signatures) {
    if (await verifySignature(key, text, signature)) return true;
  }
  return false;
}
