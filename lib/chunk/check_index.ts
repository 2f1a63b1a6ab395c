import { VerificationError } from "../base/errors.ts";

/**
 * Refuses an index of which something does not hold.
 *
 * @throws {VerificationError} with the state
 */
export function checkIndex(holds: boolean, state: string): asserts holds {
  if (!holds) throw new VerificationError(`Cannot read the chunk index: ${state}`);
}
