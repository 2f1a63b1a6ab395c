/** The typed doorway to `@std/async`. @module */
import { delay as wait } from "deno-std/async/delay.js";

/** Waits; an abort ends the wait with the signal's reason. */
export const delay: (
  ms: number,
  options?: { signal?: AbortSignal; persistent?: boolean },
) => Promise<void> = wait;
