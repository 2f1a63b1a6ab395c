import { KedgeError } from "../base/errors.ts";

/** The catalog holds something else under the name, or was changed meanwhile. Exit code 1. */
export class CatalogConflictError extends KedgeError {
  /** The name of the class. */
  override readonly name = "CatalogConflictError";
}
