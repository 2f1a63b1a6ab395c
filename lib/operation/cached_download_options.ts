import type { Digest } from "../base/digest.ts";
import type { Cache } from "../cache/cache.ts";
import type { Lockfile } from "../cache/lockfile.ts";
import type { Refresh } from "../cache/refresh.ts";
import type { PrefixFollower } from "../http/prefix_follower.ts";
import type { Step } from "./operation.ts";
import type { OriginSourceOptions } from "./origin_source.ts";

/** Looks into a file while it comes. */
export interface Inspector extends PrefixFollower, Disposable {
  /** Looks into the rest of it before it is kept; throws if it is not what it should be. */
  finish(path: string, sizeBytes: number, step: Step): Promise<void>;
}

/** What is to be had, and how. */
export interface CachedDownloadOptions extends OriginSourceOptions {
  /** Where it is kept. */
  cache: Cache;
  /** What kind of operation it is: `kexec`. */
  kind: string;
  /** The digest that the contents must have. */
  digest?: Digest;
  /** What is to be asked again. */
  refresh: Refresh;
  /** By what further names a refresh or an update may name it. */
  names?: readonly string[];
  /** After what time it is asked again, in milliseconds; or when the origin said that it should be. @default {never} */
  maxAgeMs?: number | "origin";
  /** Whether what is in the cache is used where asking again fails. @default {false} */
  staleIfError?: boolean;
  /** Whether no remote may be asked. */
  offline: boolean;
  /** Where its digest is pinned at the first use; a digest of its own takes precedence. */
  lockfile?: Lockfile;
  /** Looks into a file of this name, of which no digest is known; whoever pins a digest vouches for the contents. */
  inspect?: (name: string) => Inspector | Promise<Inspector>;
  /** Asks, in one request, for the digest that somebody else than the server of the file gives for it. */
  vouch?: (step: Step) => Promise<Digest | undefined>;
  /** Says how the file differs from the version before it. */
  compare?: (before: string, after: string, step: Step) => Promise<void>;
}

/** What a download gives. */
export interface CachedFile {
  /** The file under its own name; its path is always the same for a URL, and its contents must not be changed. */
  path: string;
  /** The digest of its contents; absent only in a dry run of what is not known yet. */
  digest?: Digest;
  /** Its size in bytes; 0 in a dry run where the origin does not tell. */
  size: number;
  /** Where it comes from. */
  url: string;
}
