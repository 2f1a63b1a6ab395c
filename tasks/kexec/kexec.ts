import type { Digest } from "../../lib/base/digest.ts";
import type { SomeRetryPolicy } from "../../lib/http/whole_retry_policy.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { KexecParts } from "./parts.ts";
import type { KexecArch, KexecVariant } from "./release.ts";

/** Which kexec bundle is wanted: one of nixos-images by its names, or any by its URL. */
export interface CacheKexecOptions {
  /** The URL of the tarball; it takes the place of `release`, `arch` and `variant`. */
  url?: string | undefined;
  /** The release of nixos-images. @default {"nixos-25.11"} */
  release?: string | undefined;
  /** The machine that will boot it. @default {that of this machine} */
  arch?: KexecArch | undefined;
  /** Which of the two installers. @default {"noninteractive"} */
  variant?: KexecVariant | undefined;
  /**
   * The digest that the tarball must have; then nobody is asked again once it is there. In any spelling of Nix: SRI (`sha256-<base 64>`),
   * or hexadecimal, Nix's base 32 or base 64, each bare or behind `sha256:`.
   */
  sha256?: string | undefined;
  /** Other URLs of the same tarball, tried in their order where the first fails. */
  mirrors?: readonly string[] | undefined;
  /** The most connections of a download, 1 to 16. @default {8} */
  connections?: number | undefined;
  /** The most bytes a second, of all connections together; 1024 or more. @default {as fast as it comes} */
  limitRate?: number | undefined;
  /**
   * After what time the origin is asked again: milliseconds, a text such as `"7d"`, or `"origin"`, which means as its Cache-Control
   * says. @default {never}
   */
  maxAge?: number | string | undefined;
  /** Whether the cached tarball is used where asking again fails. @default {false} */
  staleIfError?: boolean | undefined;
  /**
   * Whether it is put into the Nix store too (or found there), and kept from being collected: by a link in the cache, which goes with
   * the entry. Where the cache is moved, the next use of the bundle makes Nix know the link again, with this option or without.
   * @default {false}
   */
  store?: boolean | undefined;
  /**
   * Whether it is unpacked in the cache too: its kernel and initrd for a netboot server, or to be compared with those of another
   * version. @default {false}
   */
  unpack?: boolean | undefined;
  /** Headers of every request to the origin: authorization. */
  headers?: Record<string, string> | undefined;
  /** The API that publishes the digests of a release; `false` asks none. @default {GitHub's, for a URL of github.com} */
  releaseApi?: string | false | undefined;
  /** How requests are tried again. @default {four times, 250 ms doubling to at most 20 s} */
  retry?: SomeRetryPolicy | undefined;
  /** How long a connection may bring nothing, in milliseconds. @default {30_000} */
  idleTimeoutMs?: number | undefined;
}

/** A kexec bundle in the cache, and what it cost to have it there. */
export interface CacheKexecResult extends Figures {
  /** The tarball, under a name with its own suffix; always the same path for one URL. */
  path: string;
  /** The digest of the tarball; absent only in a dry run of what is not known yet. */
  digest?: Digest;
  /** Its size in bytes; 0 in a dry run where the origin does not tell. */
  size: number;
  /** Where it comes from, without user, password and query. */
  url: string;
  /** Its path in the Nix store, when that was asked for and this is no dry run. */
  storePath?: string;
  /** The `fetchurl` expression that gives the same store path. */
  fetchurl?: string;
  /** Its parts, when `unpack` was asked for and this is no dry run. */
  parts?: KexecParts;
}

/**
 * Keeps a kexec bundle (the tarball that nixos-anywhere boots a machine into) in the cache.
 *
 * The first call downloads it over several connections, hashing as it comes; an interrupted download goes on where
 * it stopped. Later calls ask nobody. `refresh` and `maxAge` ask the origin whether it changed, and download it only then. A call that
 * brought something then prunes the cache, at most once a day and where nobody else uses it; entries that nobody used for 90 days go too.
 *
 * @throws {UsageError} if an option is out of its range
 * @throws {VerificationError} if the digest is another, or something else than a kexec bundle came
 * @throws {UnreachableError} if the origin stayed unreachable, or may not be asked and the cache has nothing
 * @throws {NoRoomError} if the disk has no room for it
 *
 * @example
 * ```ts
 * import { cacheKexec } from "@kedge/kedge";
 *
 * export async function installer(): Promise<string> {
 *   const bundle = await cacheKexec({ release: "nixos-25.11", arch: "x86_64-linux" });
 *   return bundle.path; // the tarball in the cache
 * }
 * ```
 */
export async function cacheKexec(
  options: CacheKexecOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CacheKexecResult> {
  const { runCacheKexec } = await import("./ready.ts");
  return await runCacheKexec(options, ctx);
}
