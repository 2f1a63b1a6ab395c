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
  /** The line of a task file that threw it, or what led to it, where that is none of kedge's own: `/project/tasks.ts:3:4`. */
  at?: string;
}

/** What every event of an operation carries. */
export interface OperationEventBase {
  /** Tells this operation from the others of the run. */
  operation: string;
  /** What kind it is: `kexec`, `image`, `publish`. */
  kind: string;
  /** What it is about, for people. */
  subject: string;
}

/** How far one of several destinations is. */
export interface PartProgress {
  /** What it is, for people. */
  label: string;
  /** Payload bytes moved there so far. */
  bytesMoved: number;
  /** Payload bytes that are to be moved there in all. */
  bytesToMove: number;
}

/** How far one of the things is that are under way: a blob, a NAR, a bundle. */
export interface ObjectProgress {
  /** What it is, as the events of its beginning and its end call it. */
  label: string;
  /** Its size in bytes, where it is known. */
  sizeBytes?: number;
  /** Its bytes that were moved so far. */
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
      /** How long the rest of the phase takes, in milliseconds, where that is known better than by the bytes; `Infinity` (`null` in JSON) where it is not known yet. */
      leftMs?: number;
      /** How far each destination is, where there are several. */
      parts?: readonly PartProgress[];
      /** How far each of the things is that are under way, where there are any. */
      objects?: readonly ObjectProgress[];
    }
    | { type: "object-start"; label: string; sizeBytes?: number }
    | { type: "object-end"; label: string; bytesMoved: number; bytesReused: number }
    | { type: "note"; level: "info" | "warning"; message: string }
    | { type: "operation-end"; ok: true; figures: Figures; durationMs: number }
    | { type: "operation-end"; ok: false; error: ErrorData; durationMs: number }
  );
