import { VerificationError } from "../base/errors.ts";

/**
 * Refuses an index of which something does not hold.
 *
 * @throws {VerificationError} with the state
 */
export function checkIndex(holds: boolean, state: string): asserts holds {
  if (!holds) refuseIndex(state);
}

/**
 * Refuses an index. Loops over rows and chunks ask for themselves, since {@linkcode checkIndex} costs a text each time.
 *
 * @param hint the next step, where it is not to make the image anew
 * @throws {VerificationError} with the state
 */
export function refuseIndex(state: string, hint?: string): never {
  throw new VerificationError(`Cannot read the chunk index: ${state}`, { hint });
}
