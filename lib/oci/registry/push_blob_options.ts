import type { Meter } from "../../base/meter.ts";
import type { RetryPolicy } from "../../http/retry_policy.ts";

/** Options of {@linkcode pushBlob}. */
export interface PushBlobOptions {
  /** Where the bytes come from, for messages. @default {"the source"} */
  name?: string | undefined;
  /** An upload that is open already: in answer to a mount, or by an earlier run, with what it has. */
  session?: { location: URL; offset: number } | undefined;
  /** Told of bytes that went out. */
  onSent?: ((bytes: number) => void) | undefined;
  /** Told that so many bytes that went out, or were there already, count for nothing and are sent again. */
  onRestart?: ((bytes: number) => void) | undefined;
  /** Told of retries. */
  meter?: Meter | undefined;
  /** How often an upload is continued, or begun anew, without progress. */
  retry?: RetryPolicy | undefined;
  /** Blobs of this size and more go in chunks. @default {64 MiB} */
  chunkedFromBytes?: number | undefined;
  /** The size of a chunk. @default {32 MiB} */
  chunkBytes?: number | undefined;
  /** How long a chunk in flight may take to arrive after an abort, in milliseconds. @default {10_000} */
  graceMs?: number | undefined;
  /** Ends the upload. */
  signal?: AbortSignal | undefined;
}
