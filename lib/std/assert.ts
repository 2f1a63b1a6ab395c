/** The typed doorway to `@std/assert`, for tests alone. @module */
import * as library from "deno-std/assert/mod.js";

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Fails unless the expression is true. */
export function assert(expression: unknown, message?: string): asserts expression {
  library.assert(expression, message);
}
/** Fails unless both values are equal in depth. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  library.assertEquals(actual, expected, message);
}
/** Fails if both values are equal in depth. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  library.assertNotEquals(actual, expected, message);
}
/** Fails unless the text holds the part. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  library.assertStringIncludes(actual, expected, message);
}
/** Fails unless the text matches. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  library.assertMatch(actual, expected, message);
}
/** Fails unless the function throws such an error; gives the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  type?: ErrorClass<E>,
  includes?: string,
): E {
  return library.assertThrows(fn, type, includes);
}
/** Fails unless the promise is rejected with such an error; gives the error. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  type?: ErrorClass<E>,
  includes?: string,
): Promise<E> {
  return library.assertRejects(fn, type, includes);
}
