/** One thing that a plan names: a blob, a NAR, a bundle. */
export interface PlannedObject {
  /** What it is, for people: a digest, a store path, a URL. */
  label: string;
  /** Its size in bytes, where it is known. */
  sizeBytes?: number;
  /** Whether it must be moved or is there already. */
  state: "missing" | "present";
}

/** What an operation found to be missing. */
export interface Plan {
  /** Whether there is anything to do; if not, only the plan runs. */
  changed: boolean;
  /** Bytes of payload that will move; `Infinity` (`null` in JSON) where the origin does not tell. */
  bytesToMove: number;
  /** Bytes of the result that are there already. */
  bytesToReuse: number;
  /** Whether `bytesToMove` is exact; otherwise it is an upper bound. */
  exact: boolean;
  /** Requests that are still to be made after planning, each with the redirects that answer it. */
  requests: number;
  /** The evidence, in one sentence. */
  why: string;
  /** The things, each missing or present. */
  objects: readonly PlannedObject[];
}
