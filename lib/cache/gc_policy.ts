/** What the cache may keep. Whatever a limit leaves out is not limited. */
export interface GcPolicy {
  /** Entries that were not used for so long go, in milliseconds. */
  maxAgeMs?: number;
  /** The cache shall have at most so many bytes; what was not used for longest goes first. */
  maxBytes?: number;
  /** The disk shall have at least so many bytes free; what was not used for longest goes first. */
  minFreeBytes?: number;
  /** Whether all goes that is made again or fetched again cheaply: for a cache that is packed up after a run in CI. @default {false} */
  ci?: boolean;
  /** How long a partial download may wait to be resumed, in milliseconds. @default {7 days} */
  partialMaxAgeMs?: number;
  /** How long what nothing refers to stays when others use the cache, in milliseconds. @default {1 hour} */
  graceMs?: number;
}

/** Why something goes. */
export type GcReason =
  | "nothing refers to it"
  | "not used for longer than the maximum age"
  | "its contents are gone"
  | "it cannot be read"
  | "of an older version"
  | "left by a process that ended"
  | "too old to be resumed"
  | "to make room"
  | "not needed in CI"
  | "cheap to make again";

/** One thing that goes. */
export interface GcItem {
  /** What it is. */
  kind:
    | "bucket"
    | "pointer"
    | "blob"
    | "archive"
    | "file"
    | "partial"
    | "temporary"
    | "lease"
    | "quarantined";
  /** Its path. */
  path: string;
  /** Why it goes. */
  reason: GcReason;
  /** What it was known by: the key of a pointer, the digest of a blob or an archive. */
  name?: string;
  /** Its bytes, where one file tells them. */
  bytes?: number;
}

/** What a policy removes, as data. */
export interface GcPlan {
  /** The things, in the order in which they go: pointers before what they refer to. */
  items: readonly GcItem[];
  /** How many blobs and archives stay only because a live process uses them. */
  leased: number;
  /** Whether others use the cache, so that young things stay. */
  shared: boolean;
  /** What this user may not look at, or remove, in the words of the system; while there is any, no contents go, which it may need. */
  denied: readonly string[];
}

/** What prune and the daily collection use where nothing else is said. */
export const defaultGcPolicy: GcPolicy = { partialMaxAgeMs: 7 * 86_400_000, graceMs: 3_600_000 };

/** What the daily collection uses: it also lets go of entries that nobody used for 90 days. */
export const dailyGcPolicy: GcPolicy = { ...defaultGcPolicy, maxAgeMs: 90 * 86_400_000 };
