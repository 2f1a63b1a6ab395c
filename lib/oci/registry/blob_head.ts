/** What a registry says of a blob without giving it. */
export interface BlobHead {
  /** Its size in bytes; `undefined` where the registry, or a proxy before it, does not tell. */
  readonly size: number | undefined;
}
