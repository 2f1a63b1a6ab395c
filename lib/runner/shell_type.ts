import type * as dax from "@david/dax";

/** The shell of dax: `` $`command` `` and its methods. */
export type DaxShell = dax.$Type;

/** The shell of a task: dax's, bound to the task. */
export type Shell = DaxShell & AlwaysShell;

/** What a task's shell has beside dax's. */
export interface AlwaysShell {
  /** The same shell for a command that only reads: it runs in a dry run too. */
  readonly always: DaxShell;
}
