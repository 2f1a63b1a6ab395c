/** What is said where another push or pull is at the same place. @module */
import type { KedgeErrorOptions } from "../base/errors.ts";

/** What cannot be done now, and why. */
export interface Busy {
  /** What was to be done: `write "vm.img"`. */
  readonly action: string;
  /** What the other one does. */
  readonly state: string;
}

/** A file to which another pull writes. */
export function pulledElsewhere(path: string): Busy {
  return { action: `write "${path}"`, state: "another pull writes to it" };
}

/** A reference to which another push goes. */
export function pushedElsewhere(reference: string): Busy {
  return { action: `push to "${reference}"`, state: "another push goes there" };
}

/** What an error is made of that says so. */
export function busyError({ action, state }: Busy): [message: string, options: KedgeErrorOptions] {
  return [`Cannot ${action}: ${state}`, {
    hint: "wait for it to end, and run the same command again",
    side: "destination",
  }];
}
