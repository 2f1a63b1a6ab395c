/** Checks what a pointer holds: any schema of the Standard Schema kind, valibot's for one. */
export interface EntrySchema<T> {
  /** The interface of Standard Schema. */
  readonly "~standard": {
    /** Gives the checked value, or what is wrong with it. */
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
  };
}

/** What a schema says of a value. */
export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };
