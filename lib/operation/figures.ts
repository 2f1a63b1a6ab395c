export type { Plan, PlannedObject } from "../base/plan.ts";

/** What an operation cost, and why. In a dry run: what it would cost. */
export interface Figures {
  /** Whether anything was (or would be) made or moved. */
  changed: boolean;
  /** Bytes of payload over the network or written to a store. */
  bytesMoved: number;
  /** Bytes of the result that were there already. */
  bytesReused: number;
  /** Requests to remotes, planning included, each with the redirects that answer it. */
  requests: number;
  /** The evidence, in one sentence. */
  why: string;
  /** Whether this was a plan alone: nothing was written. */
  dryRun: boolean;
}
