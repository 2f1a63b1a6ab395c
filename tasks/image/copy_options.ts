import type { Digest } from "../../lib/base/digest.ts";
import type { DestinationReference } from "../../lib/oci/engine_reference.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";

/** Options for all images of one call. */
export interface CopyImagesOptions extends ImageRegistriesOptions {
  /** Which platforms of an index are copied, such as `linux/arm64`. @default {that of this machine} */
  platforms?: readonly string[] | undefined;
  /** Whether an index is copied whole, with all that it points to. @default {false} */
  allPlatforms?: boolean | undefined;
  /**
   * The most blobs that are moved at a time, 1 to 64. The number starts at 8 and adapts to what the registry accepts.
   *
   * @default {16}
   */
  concurrency?: number | undefined;
  /**
   * Whether what refers to the images is copied too: signatures, SBOMs, and what cosign keeps under tags such as `sha256-HEX.sig`.
   *
   * @default {false}
   */
  referrers?: boolean | undefined;
  /** Whether blobs that the destination has are read and hashed, and damaged ones moved again. @default {false} */
  verifyExisting?: boolean | undefined;
  /**
   * Whether tags are pinned in the lockfile, which must exist: what a tag of a registry meant at its first use is copied from then on, until
   * an update names it. Referrers are not pinned. A dry run also asks what the tags mean now; its figures leave those requests out, since no
   * run makes them.
   *
   * @default {false}
   */
  pin?: boolean | undefined;
  /** How the engines of `podman:` and `docker-daemon:` are called. @default {by their names, in PATH} */
  engines?:
    | { podman?: CalledEngine | undefined; docker?: CalledEngine | undefined }
    | undefined;
}

/** What is known and wanted of a copy beside its options. */
export interface CopyImagesMore {
  /** Requests that chose the images; they count as those of the plan. @default {0} */
  requestsBefore?: number;
  /**
   * Told which copies failed, by their destinations as they were given. All that are found in the plan are told; of those that fail later,
   * the first, which ends the others, and with it those that fail for the same reason.
   */
  onFailure?: ((to: DestinationReference, error: unknown) => void) | undefined;
}

/** How an engine is called. */
export interface CalledEngine {
  /** The program, by name or path. */
  program?: string | undefined;
  /** Arguments before every command: `--storage-driver=vfs`. */
  args?: readonly string[] | undefined;
}

/** One image that was copied. */
export interface CopiedImage {
  /** The source. */
  from: string;
  /** The destination, pinned: `TO@sha256:...`. */
  reference: string;
  /** The digest that the destination points to. */
  digest: Digest;
  /** Its media type. */
  mediaType: string;
  /** Whether anything was moved for it, or would be in a run. */
  changed: boolean;
  /** Why, in one sentence. */
  why: string;
}
