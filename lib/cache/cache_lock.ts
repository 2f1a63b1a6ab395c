/** Options of a lock of the cache. */
export interface CacheLockOptions {
  /** Whether others may hold the lock at the same time. @default {false} */
  shared?: boolean;
  /** How long to wait, in milliseconds. @default {KEDGE_LOCK_TIMEOUT in seconds, else five minutes} */
  timeoutMs?: number;
  /** Told once when the lock is not free at once. */
  onWait?: () => void;
  /** What it is taken for: the hint of an error goes by it. @default {"use"} */
  purpose?: "use" | "removal";
  /** Ends the wait. */
  signal?: AbortSignal;
}
