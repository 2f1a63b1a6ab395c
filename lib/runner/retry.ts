/** How a task is tried again after a failure. */
export interface RetryOptions {
  /** How many tries there are in all, the first one included. @default {1} */
  readonly attempts?: number;
  /** The wait before the second try: milliseconds, or a text such as `"2s"`. @default {1000} */
  readonly delay?: number | string;
  /** By what the wait grows from try to try. @default {2} */
  readonly factor?: number;
  /** The longest wait. @default {60_000} */
  readonly maxDelay?: number | string;
  /** The part of each wait that is left to chance, from 0 to 1. @default {0.5} */
  readonly jitter?: number;
  /** Whether a failure is worth another try. @default {all but usage, verification and an abort} */
  readonly when?: (error: Error, attempt: number) => boolean;
}
