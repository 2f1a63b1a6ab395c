import { VerificationError } from "../../base/errors.ts";

const tries = 10;
const betweenMs = 20;

/**
 * Reads what another program may be writing just now: most write the files of a layout in place, so that they are cut, or empty, for a
 * moment.
 *
 * @throws {VerificationError} if it stays as it is
 */
export async function whileWritten<T>(read: () => Promise<T>): Promise<T> {
  for (let tried = 1;; tried++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof VerificationError) || tried >= tries) throw error;
      const { delay } = await import("@std/async");
      await delay(betweenMs);
    }
  }
}
