import { UsageError } from "../base/errors.ts";

const failures = new WeakSet<object>();

/** Makes what a task file declares; what cannot be declared is known by {@linkcode isDeclaration}. */
export function declaring<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof UsageError) failures.add(error);
    throw error;
  }
}

/** Whether something thrown says that a task, or an argument of one, cannot be declared. */
export function isDeclaration(thrown: unknown): thrown is UsageError {
  return thrown instanceof UsageError && failures.has(thrown);
}
