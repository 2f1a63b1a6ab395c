import type { Meter } from "../base/meter.ts";
import type { Plan } from "./figures.ts";

/** What each step of an operation is given. */
export interface Step {
  /** Takes the figures and the progress. */
  readonly meter: Meter;
  /** Ends the step; every fetch, wait and child of it must obey. */
  readonly signal: AbortSignal;
  /** Whether only the plan runs; a plan must write nothing either way. */
  readonly dryRun: boolean;
  /** Writes one durable line about an object into the journal; does nothing in a dry run. */
  readonly record: (object: string, state: string, detail?: Record<string, unknown>) => void;
}

/**
 * The four steps of a transfer. `plan` finds what is missing and writes nothing; `move` brings only that, to where nobody
 * looks; `verify` proves every byte; `commit` moves the pointer, last and atomically.
 */
export interface Operation<P extends Plan, M, R extends object> {
  /** What kind it is: `kexec`, `image`, `publish`. */
  readonly kind: string;
  /** What it is about, for people: a URL, a reference, a name. */
  readonly subject: string;
  /** Finds what is missing, in exact bytes and requests where they can be known. */
  plan(step: Step): Promise<P>;
  /** Brings what is missing. */
  move(plan: P, step: Step): Promise<M>;
  /**
   * The plan as it is after `move` waited for others, where they did the work; if it has nothing to do, nothing is verified and committed.
   * @default {the plan stands}
   */
  replanned?(moved: M): P | undefined;
  /** Proves what was moved and what is reused, before anyone can see it. */
  verify(plan: P, moved: M, step: Step): Promise<void>;
  /** Makes it visible. */
  commit(plan: P, moved: M, step: Step): Promise<R>;
  /** The result when nothing has to be done, and the one that a dry run foresees. */
  standing(plan: P): R;
}
