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
/** Fails unless the value is neither null nor undefined. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  library.assertExists(actual, message);
}
/** Fails unless the value is an instance of the class. */
export function assertInstanceOf<T>(
  actual: unknown,
  type: abstract new (...args: never[]) => T,
  message?: string,
): asserts actual is T {
  library.assertInstanceOf(actual, type, message);
}
/** Fails unless the text holds the part. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  library.assertStringIncludes(actual, expected, message);
}
/** Fails unless the text matches. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  library.assertMatch(actual, expected, message);
}
/** Fails unless the object holds at least the given parts. */
export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  message?: string,
): void {
  library.assertObjectMatch(actual, expected, message);
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
/** Fails at once. */
export function fail(message?: string): never {
  library.fail(message);
  throw new Error(message);
}
