import type { TaskContextOptions } from "../../lib/runner/context.ts";

/** Options of {@linkcode removeImages}. */
export interface RemoveImagesOptions {
  /** What is removed: `docker://host/repository:tag`, `docker://host/repository@sha256:...`, `oci:folder:tag`. */
  images: readonly string[];
  /** Whether the digests are those of blobs; images of the repository that need them are broken then. @default {false} */
  blobs?: boolean | undefined;
  /** Hosts that are reached by plain HTTP. Loopback hosts are, unless they ask for TLS. */
  insecureRegistries?: readonly string[] | undefined;
  /**
   * A `registries.conf` (version 2) with insecure and blocked registries.
   *
   * @default {CONTAINERS_REGISTRIES_CONF}
   */
  registriesConf?: string | undefined;
}

/** What {@linkcode removeImages} gives. */
export interface RemoveImagesResult {
  /** Whether anything was (or would be) removed. */
  changed: boolean;
  /** What was there, as it was named. */
  removed: string[];
  /** What was not there. */
  absent: string[];
  /** The evidence, in one sentence. */
  why: string;
  /** Whether nothing was removed, only looked for. */
  dryRun: boolean;
}

/**
 * Removes tags from registries and layouts. A reference by digest removes the manifest with all of its tags.
 *
 * The bytes are freed when the registry collects its garbage; those of a layout by {@linkcode collectImages}. Many registries cannot delete
 * a single tag, and some delete nothing: then the error names the digest that the tag points to.
 *
 * @throws {UsageError} if a reference names no tag and no digest, or both; with `blobs`, if it names no digest of a registry
 * @throws {NotAllowedError} if the registry refuses, or this user may not read or write a file
 * @throws {NoRoomError} if the disk has no room for the new index of a layout
 * @throws {KedgeError} if the registry cannot delete that
 *
 * @example
 * ```ts
 * import { removeImages } from "@kedge/kedge";
 *
 * export async function untag(): Promise<string[]> {
 *   const { removed } = await removeImages({ images: ["oci:images/vm:old", "docker://ghcr.io/acme/vm:old"] });
 *   return removed;
 * }
 * ```
 */
export async function removeImages(
  options: RemoveImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<RemoveImagesResult> {
  const { runRemoveImages } = await import("./removing.ts");
  return await runRemoveImages(options, ctx);
}
