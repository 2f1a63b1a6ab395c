/** The typed doorway to `@std/async`. @module */
import { abortable as endWith } from "deno-std/async/abortable.js";
import { delay as wait } from "deno-std/async/delay.js";

/** Waits; an abort ends the wait with the signal's reason. */
export const delay: (
  ms: number,
  options?: { signal?: AbortSignal; persistent?: boolean },
) => Promise<void> = wait;

/** Waits for a promise; an abort ends the wait with the signal's reason. */
export const abortable: <T>(promise: Promise<T>, signal: AbortSignal) => Promise<T> = endWith;
