import { type Meter, silentMeter } from "../../lib/base/meter.ts";
import type { TaskContext } from "../../lib/runner/context.ts";

/** A meter of what is only read: it counts nothing, but tells what a reader should know, such as a retry or a wait. */
export function noteMeter({ report }: TaskContext, kind: string, subject: string): Meter {
  const about = { operation: crypto.randomUUID(), kind, subject };
  return {
    ...silentMeter,
    note: (message, level = "info") => report({ ...about, type: "note", level, message }),
  };
}
