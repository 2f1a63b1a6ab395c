import type { Digest } from "../../lib/base/digest.ts";
import type { ImageRegistriesOptions } from "../shared/registries.ts";

/** What holds for all images of one call. */
export interface CopyImagesOptions extends ImageRegistriesOptions {
  /** The platforms that are wanted of an index, as `linux/arm64`. @default {the machine's} */
  platforms?: readonly string[] | undefined;
  /** Whether an index is copied whole, with all that it points to. @default {false} */
  allPlatforms?: boolean | undefined;
  /**
   * The most blobs that may be under way, 1 to 64. It starts at 8 and follows what the registry takes.
   *
   * @default {16}
   */
  concurrency?: number | undefined;
  /**
   * Whether what is attached to the images is copied along: signatures, lists of parts, and what cosign keeps under tags such as
   * `sha256-HEX.sig`.
   *
   * @default {false}
   */
  referrers?: boolean | undefined;
  /** Whether the blobs that the destination has are read and hashed, and moved again where they are damaged. @default {false} */
  verifyExisting?: boolean | undefined;
  /**
   * Whether the tags are pinned by the lockfile, which there must be: what a tag of a registry meant at its first use is what is copied ever
   * after, until an update names it. What is attached to images is not pinned. A dry run asks what else those tags mean by now, which its
   * figures leave out, since no run asks it.
   *
   * @default {false}
   */
  pin?: boolean | undefined;
  /** How the engines of `podman:` and `docker-daemon:` are called. @default {by their names, in PATH} */
  engines?:
    | { podman?: CalledEngine | undefined; docker?: CalledEngine | undefined }
    | undefined;
}

/** How an engine is called. */
export interface CalledEngine {
  /** The program. */
  program?: string | undefined;
  /** Arguments before every command: `--storage-driver=vfs`. */
  args?: readonly string[] | undefined;
}

/** One image that was copied. */
export interface CopiedImage {
  /** Where it was read. */
  from: string;
  /** The destination, pinned: `TO@sha256:...`. */
  reference: string;
  /** The digest that the destination points to. */
  digest: Digest;
  /** Its media type. */
  mediaType: string;
  /** Whether anything was (or would be) moved for it. */
  changed: boolean;
  /** The evidence, in one sentence. */
  why: string;
}
