/** What a task needs before anything starts. */
export type Need =
  | {
    /** A program that must be found in PATH. */
    readonly tool: string;
    /** The versions that are accepted: `>=2.8`. */
    readonly version?: string | undefined;
    /** The arguments that make the program print its version. @default {["--version"]} */
    readonly versionArgs?: readonly string[] | undefined;
    /** What to do if it is missing. */
    readonly hint?: string | undefined;
  }
  | {
    /** An environment variable that must be set. */
    readonly env: string;
    /** What to do if it is not set. */
    readonly hint?: string | undefined;
  }
  | {
    /** A file or folder that must be there. */
    readonly file: string;
    /** What to do if it is not there. */
    readonly hint?: string | undefined;
  }
  | {
    /** A host that must accept a connection: `cache.acme.dev:443`. */
    readonly host: string;
    /** How long it may take to answer, in milliseconds. @default {5000} */
    readonly timeoutMs?: number | undefined;
    /** What to do if it does not. */
    readonly hint?: string | undefined;
  }
  | {
    /** What must be free on a disk: bytes, or a text such as `"2GiB"`. */
    readonly freeBytes: number | string;
    /** A path on that disk. @default {the cache folder} */
    readonly at?: string | undefined;
    /** What to do if there are fewer. */
    readonly hint?: string | undefined;
  };
