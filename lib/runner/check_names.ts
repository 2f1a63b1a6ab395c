import { nearest } from "../base/nearest.ts";

/** Refuses a declaration: what is wrong with it, and the next step. */
export type Refuse = (state: string, hint?: string) => never;

/** Refuses an option that does not exist: `whose` says whose it would be, with the verb. */
export function checkNames(
  whose: string,
  given: object,
  known: readonly string[],
  refuse: Refuse,
): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    refuse(
      `${whose} no option "${name}"`,
      near === undefined ? undefined : `did you mean ${near}?`,
    );
  }
}
