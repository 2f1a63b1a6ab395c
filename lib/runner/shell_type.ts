import type * as dax from "@david/dax";

/** The shell of dax: `` $`command` `` and all that hangs on it. */
export type Shell = dax.$Type;
