/** What a bucket keeps: contents by digest, small JSON pointers, named files of a pointer, or work under way. */
export type BucketKind = "contents" | "pointers" | "files" | "work" | "keeping";

/** What a {@linkcode CacheBucket} is. */
export interface CacheBucketOptions {
  /** The name without its version: `kexec`. */
  name: string;
  /** Raised when older programs could not read what newer ones write, or the other way round. */
  version: number;
  /** What it keeps. */
  kind: BucketKind;
  /** What it is for, in one sentence. */
  description: string;
}

/** A part of the cache with a format of its own; old and new versions lie side by side and never see each other. */
export class CacheBucket {
  /** The name without its version. */
  readonly name: string;
  /** The version of its format. */
  readonly version: number;
  /** What it keeps. */
  readonly kind: BucketKind;
  /** What it is for. */
  readonly description: string;

  /** Makes a bucket; its folder is `NAME-vVERSION`. */
  constructor(options: CacheBucketOptions) {
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
