/**
 * What a reading of a path gives; `undefined` if nothing is there.
 *
 * @example
 * ```ts
 * import { ifThere } from "./if_there.ts";
 *
 * const info = await ifThere(Deno.stat("/nowhere/at/all"));
 * console.log(info === undefined);
 * ```
 */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** Whether an error says that nothing is at a path: nothing has that name, or what should be a folder on the way is none. */
export function isNotThere(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
