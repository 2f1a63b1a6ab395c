import { exitCodeOf, KedgeError, toError } from "../base/errors.ts";
import type { ErrorData } from "./event.ts";

/** Anything thrown, as data for events and the journal. */
export function errorData(thrown: unknown): ErrorData {
  const error = toError(thrown);
  const hint = error instanceof KedgeError ? error.hint : undefined;
  return {
    name: error.name,
    message: error.message,
    exitCode: exitCodeOf(error),
    ...(hint === undefined ? {} : { hint }),
  };
}
