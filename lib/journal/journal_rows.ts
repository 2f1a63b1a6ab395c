/**
 * What the journal holds, as data.
 *
 * @module
 */

/** One run of a task file. */
export interface RunRow {
  /** Its id. */
  id: string;
  /** The command line, redacted. */
  command: string;
  /** When it began, in milliseconds since 1970. */
  started: number;
  /** When it ended, in milliseconds since 1970; `null` while it runs, and if it was killed. */
  ended: number | null;
  /** Its exit code; `null` as above. */
  exitCode: number | null;
}

/** One operation of a run. */
export interface OperationRow {
  /** Its id. */
  id: string;
  /** `kexec`, `image`, `publish`. */
  kind: string;
  /** What it is about. */
  subject: string;
  /** When it began, in milliseconds since 1970. */
  started: number;
  /** When it ended, in milliseconds since 1970, or `null`. */
  ended: number | null;
  /** Its figures, once it ended well. */
  figures: Record<string, unknown> | null;
  /** Its error, once it failed. */
  error: Record<string, unknown> | null;
}

/** One line about a step. */
export interface StepRow {
  /** When, in milliseconds since 1970. */
  at: number;
  /** `plan`, `move`, `verify` or `commit`. */
  phase: string;
  /** The object, or an empty text for the phase as a whole. */
  object: string;
  /** What became of it. */
  state: string;
  /** More facts. */
  detail: Record<string, unknown> | null;
}
