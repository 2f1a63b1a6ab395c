/** What a bucket keeps: contents by digest, small JSON pointers, named files of a pointer, or work under way. */
export type BucketKind = "contents" | "pointers" | "files" | "work" | "keeping";

/** What a {@linkcode CacheBucket} is. */
export interface CacheBucketOptions {
  /** The name without its version, of the letters a to z: `kexec`. */
  name: string;
  /** Raised when older programs could not read what newer ones write, or the other way round. */
  version: number;
  /** What it keeps. */
  kind: BucketKind;
  /** What it is for, in one sentence. */
  description: string;
}

/**
 * A part of the cache with a format of its own; old and new versions lie side by side and never see each other.
 *
 * @example
 * ```ts
 * import { type Cache, CacheBucket } from "@kedge/kedge/cache";
 * import * as v from "valibot";
 *
 * const licenses = new CacheBucket({
 *   name: "licenses",
 *   version: 1,
 *   kind: "pointers",
 *   description: "texts of licenses by package",
 * });
 * const schema = v.looseObject({ digest: v.string() });
 *
 * export async function keepLicense(cache: Cache, name: string, text: string): Promise<void> {
 *   using _use = await cache.use();
 *   const { digest } = await cache.blobs.persist(new Blob([text]).stream());
 *   await cache.entry(licenses, name, schema).write({ digest }, { refs: [digest], by: "licenses" });
 * }
 * ```
 */
export class CacheBucket {
  /** The name without its version. */
  readonly name: string;
  /** The version of its format. */
  readonly version: number;
  /** What it keeps. */
  readonly kind: BucketKind;
  /** What it is for. */
  readonly description: string;

  /**
   * Makes a bucket; its folder is `NAME-vVERSION`.
   *
   * @throws {TypeError} if the name has other letters than a to z
   * @throws {RangeError} if the version is not a whole number
   */
  constructor(options: CacheBucketOptions) {
    const { name, version } = options;
    if (!/^[a-z]+$/.test(name)) {
      throw new TypeError(
        `Cannot make a bucket of the name ${
          JSON.stringify(name)
        }: it has other letters than a to z`,
      );
    }
    if (!Number.isSafeInteger(version) || version < 0) {
      throw new RangeError(
        `Cannot make a bucket of the version ${version}: it is not a whole number from 0`,
      );
    }
    this.name = options.name;
    this.version = options.version;
    this.kind = options.kind;
    this.description = options.description;
  }

  /** The name of its folder in the cache: `kexec-v1`. */
  get folder(): string {
    return `${this.name}-v${this.version}`;
  }
}
