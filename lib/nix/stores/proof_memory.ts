import type { Digest } from "../../base/digest.ts";
import type { SourcePath } from "../source_path.ts";

/** What was proven of one path in a store: its narinfo, and the NAR that it names. */
export interface ProvenPath {
  /** The sha256 of the NAR. */
  narHash: Digest;
  /** Where the packed NAR lies, relative to the cache. */
  url: string;
  /** The size of the packed NAR, in bytes. */
  fileSize: number;
}

/** What was proven of a closure in a store. */
export interface RememberedProof {
  /** When, in milliseconds since 1970. */
  at: number;
  /** The keys whose signatures the narinfos had, `NAME:BASE64`. */
  keys: readonly string[];
  /** The paths, by the hash part of their names. */
  paths: Readonly<Record<string, ProvenPath>>;
}

/** Remembers proofs, so that a store that was proven a short while ago is asked for each NAR alone. */
export interface ProofMemory {
  /** What was proven last of a closure at a reading URL. */
  recall(url: string, closure: readonly SourcePath[]): Promise<RememberedProof | undefined>;
  /** Keeps what was proven. */
  remember(url: string, closure: readonly SourcePath[], proof: RememberedProof): Promise<void>;
}

/**
 * The paths of a remembered proof that still counts: it is not older than `maxAgeMs`, nor of the future, and the narinfos had all the
 * signatures that are asked for now.
 */
export function standingProof(
  proof: RememberedProof | undefined,
  { now, maxAgeMs, keys }: { now: number; maxAgeMs: number; keys: readonly string[] },
): RememberedProof | undefined {
  if (proof === undefined || proof.at > now || now - proof.at >= maxAgeMs) return undefined;
  return keys.every((key) => proof.keys.includes(key)) ? proof : undefined;
}
