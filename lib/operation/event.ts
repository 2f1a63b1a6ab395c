import type { Figures, Plan } from "./figures.ts";

/** The four steps of every operation. */
export type Phase = "plan" | "move" | "verify" | "commit";

/** An error as data. */
export interface ErrorData {
  /** The class of the error. */
  name: string;
  /** What it says. */
  message: string;
  /** The exit code that it stands for. */
  exitCode: number;
  /** The next step. */
  hint?: string;
  /** What led to it, nearest first. */
  causes?: readonly string[];
  /** The next steps after those causes, where the error has none of its own. */
  hints?: readonly CauseHint[];
  /** The line of a task file that threw it, or what led to it, where that is none of kedge's own: `/project/tasks.ts:3:4`. */
  at?: string;
}

/** What is to be done about a cause. */
export interface CauseHint {
  /** The cause, in its words. */
  cause: string;
  /** The next step. */
  hint: string;
}

/** What all events of an operation have in common. */
export interface OperationEventBase {
  /** The id of the operation, unique within the run. */
  operation: string;
  /** Its kind: `kexec`, `image`, `publish`. */
  kind: string;
  /** What it is about, for people. */
  subject: string;
}

/** The progress of one of several destinations. */
export interface PartProgress {
  /** What it is, for people. */
  label: string;
  /** Payload bytes moved there so far. */
  bytesMoved: number;
  /** Payload bytes that are to be moved there in all. */
  bytesToMove: number;
}

/** The progress of one object that is moving: a blob, a NAR, a bundle. */
export interface ObjectProgress {
  /** What it is, as in `object-start` and `object-end`. */
  label: string;
  /** Its size in bytes, where it is known. */
  sizeBytes?: number;
  /** Its bytes that have moved so far. */
  bytesMoved: number;
  /** Its bytes that were there already. */
  bytesReused: number;
}

/** What an operation tells while it runs. The union is closed: reporters handle each type. */
export type OperationEvent =
  & OperationEventBase
  & (
    | { type: "operation-start"; dryRun: boolean }
    | { type: "phase-start"; phase: Phase }
    | ({ type: "plan" } & Plan)
    | {
      type: "progress";
      phase: Phase;
      bytesMoved: number;
      bytesReused: number;
      bytesToMove: number;
      requests: number;
      /** How long the rest of the phase takes, in milliseconds, if that is known better than from the bytes; `Infinity` (`null` in JSON) while it is not known. */
      leftMs?: number;
      /** The progress of each destination, if there are several. */
      parts?: readonly PartProgress[];
      /** The progress of each object that is moving, if there are any. */
      objects?: readonly ObjectProgress[];
    }
    | { type: "object-start"; label: string; sizeBytes?: number }
    | { type: "object-end"; label: string; bytesMoved: number; bytesReused: number }
    | {
      type: "note";
      level: "info" | "warning";
      message: string;
      /** The next step. */
      hint?: string;
    }
    | { type: "operation-end"; ok: true; figures: Figures; durationMs: number }
    | { type: "operation-end"; ok: false; error: ErrorData; durationMs: number }
  );
