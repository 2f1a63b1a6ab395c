import type { TaskContextOptions } from "../../lib/runner/context.ts";

/** Options of {@linkcode removeImages}. */
export interface RemoveImagesOptions {
  /** What is removed: `docker://host/repository:tag`, `docker://host/repository@sha256:...`, `oci:folder:tag`. */
  images: readonly string[];
  /** Whether the digests are those of blobs; images of the repository that need them are broken then. @default {false} */
  blobs?: boolean | undefined;
  /** Hosts that are spoken to in plain HTTP; loopback hosts are, unless TLS is what they speak. */
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
 * Takes tags away, of registries and of layouts. A reference by digest takes the manifest away with all of its tags. The bytes go when
 * the registry collects its garbage, and those of a layout with {@linkcode collectImages}.
 *
 * Many registries delete no tag by itself, and some delete nothing: then it is said which digest the tag points to.
 *
 * @throws {UsageError} if a reference names no tag and no digest, or both; with `blobs`, if it names no digest of a registry
 * @throws {NotAllowedError} if the registry refuses, or this user may not read or write a file
 * @throws {NoRoomError} if the disk has no room for the new index of a layout
 * @throws {KedgeError} if the registry cannot delete that
 */
export async function removeImages(
  options: RemoveImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<RemoveImagesResult> {
  const { runRemoveImages } = await import("./removing.ts");
  return await runRemoveImages(options, ctx);
}
