import type { Digest } from "../../lib/base/digest.ts";
import type { SomeRetryPolicy } from "../../lib/http/whole_retry_policy.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { KexecParts } from "./parts.ts";
import type { KexecArch, KexecVariant } from "./release.ts";

/** Which kexec bundle is wanted: one of nixos-images by its names, or any by its URL. */
export interface CacheKexecOptions {
  /** The URL of the tarball, instead of `release`, `arch` and `variant`. */
  url?: string | undefined;
  /** The release of nixos-images. @default {"nixos-25.11"} */
  release?: string | undefined;
  /** The architecture of the machine that will boot it. @default {that of this machine} */
  arch?: KexecArch | undefined;
  /** Which of the two installers. @default {"noninteractive"} */
  variant?: KexecVariant | undefined;
  /**
   * The digest that the tarball must have. With it, a cached tarball is used without a request. In any spelling of Nix: SRI
   * (`sha256-<base 64>`), or hexadecimal, Nix's base 32 or base 64, with or without the prefix `sha256:`.
   */
  sha256?: string | undefined;
  /** Other URLs of the same tarball, tried in order if the first fails. */
  mirrors?: readonly string[] | undefined;
  /** The most connections of a download, 1 to 16. @default {8} */
  connections?: number | undefined;
  /** The most bytes per second, for all connections together; 1024 or more. @default {no limit} */
  limitRate?: number | undefined;
  /**
   * How old a cached bundle may be before the origin is asked again: milliseconds, a text such as `"7d"`, or `"origin"`, for as long as
   * its Cache-Control says. @default {no limit}
   */
  maxAge?: number | string | undefined;
  /** Whether the cached tarball is used if asking again fails. @default {false} */
  staleIfError?: boolean | undefined;
  /**
   * Whether it is added to the Nix store too, unless it is there already. A garbage collector root in the cache keeps it there, and is removed
   * with the cache's entry. If the cache folder is moved, the next use of the bundle registers the root again, with or without this option.
   * @default {false}
   */
  store?: boolean | undefined;
  /**
   * Whether its kernel and initrd are unpacked in the cache too: for a netboot server, or to compare them with those of another version.
   * @default {false}
   */
  unpack?: boolean | undefined;
  /** Headers for every request to the origin, such as `authorization`. */
  headers?: Record<string, string> | undefined;
  /** The URL of the API that publishes the digests of a release; `false` for none. @default {GitHub's, for a URL of github.com} */
  releaseApi?: string | false | undefined;
  /** How requests are tried again. @default {four times, 250 ms doubling to at most 20 s} */
  retry?: SomeRetryPolicy | undefined;
  /** How long a connection may deliver nothing before it is opened anew, in milliseconds. @default {30_000} */
  idleTimeoutMs?: number | undefined;
}

/** A kexec bundle in the cache, and what it cost to get it there. */
export interface CacheKexecResult extends Figures {
  /** The path of the tarball, with its suffix; always the same for one URL. */
  path: string;
  /** The digest of the tarball; absent only in a dry run that cannot know it yet. */
  digest?: Digest;
  /** Its size in bytes; 0 in a dry run if the origin does not tell it. */
  size: number;
  /** Where it comes from, without user, password and query. */
  url: string;
  /** Its path in the Nix store, if `store` is set and this is not a dry run. */
  storePath?: string;
  /** The `fetchurl` expression that gives the same store path. */
  fetchurl?: string;
  /** Its parts, if `unpack` is set and this is not a dry run. */
  parts?: KexecParts;
}

/**
 * Downloads a kexec bundle (the tarball with the installer that nixos-anywhere boots a machine into) and keeps it in the cache.
 *
 * The first call downloads it over several connections and hashes it meanwhile; an interrupted download resumes. Later calls make no
 * request. With `maxAge` or a refresh, a conditional request asks whether it changed, and it is downloaded only then. A call that
 * downloaded something prunes the cache afterwards, at most once a day and if no other process uses the cache: what nothing refers to is
 * removed, and what was not used for 90 days.
 *
 * @throws {UsageError} if an option is out of its range
 * @throws {VerificationError} if it has another digest, or is not a kexec bundle
 * @throws {UnreachableError} if the origin cannot be reached, or may not be asked and the bundle is not in the cache
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
