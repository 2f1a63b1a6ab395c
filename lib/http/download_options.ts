import type { Digest } from "../base/digest.ts";
import type { Meter, ObjectMeter } from "../base/meter.ts";
import type { Requester } from "./requester.ts";
import type { FreshnessLifetime } from "./freshness_lifetime.ts";
import type { PrefixFollower } from "./prefix_follower.ts";
import type { FoundProbe, ProbeRequest } from "./probe.ts";
import type { RetryPolicy } from "./retry_policy.ts";
import type { Validators } from "./validators.ts";

/** What a download is made of. */
export interface DownloadOptions {
  /** Sends the requests. */
  client: Requester;
  /** What was asked first. */
  request: ProbeRequest;
  /** The answer to it. */
  probe: FoundProbe;
  /** A folder that belongs to this download alone; it holds the partial data. */
  folder: string;
  /** By what the source is known in the control file. */
  source: string;
  /** The digest that the contents must have, where it is known. */
  digest?: Digest;
  /** The most connections at a time. @default {8} */
  connections?: number;
  /** Takes notes. */
  meter: Meter;
  /** Takes the progress: bytes count as moved once a kill would not lose them any more, or at the end. */
  object: ObjectMeter;
  /** Sees the first bytes of the contents as soon as they come; throws if they are wrong. */
  check?: (firstBytes: Uint8Array) => void;
  /** Reads a large file from its start while the rest of it still comes, and hashes it. @default {one that hashes, no more} */
  follower?: PrefixFollower;
  /** Whether it is kept what the parts add up to, so that a later run fetches only damaged ones anew. @default {false} */
  partSums?: boolean;
  /** How a piece is tried again that brings nothing. */
  retry?: RetryPolicy;
  /** How long a connection may bring nothing, in milliseconds. @default {30_000} */
  idleTimeoutMs?: number;
  /** What a connection must bring on average over the idle timeout, in bytes a second. @default {1024} */
  minBytesPerSecond?: number;
  /** Ends the download; what came stays. */
  signal: AbortSignal;
}

/** What was brought. */
export interface Downloaded {
  /** The file, within the folder; synced. */
  path: string;
  /** The digest of all of its bytes. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** By what this version is known. */
  validators: Validators;
  /** For how long its server lets this version be used without asking. */
  lifetime: FreshnessLifetime;
  /** The digest that the server says this version has. */
  stated?: Digest;
}
