import type * as dax from "@david/dax";

/** The shell of dax: `` $`command` `` and all that hangs on it. */
export type Shell = dax.$Type & {
  /** The same for a command that only reads: it runs in a dry run too. */
  readonly always: dax.$Type;
};
