import {
  KedgeError,
  NoRoomError,
  NotAllowedError,
  UsageError,
  VerificationError,
} from "../base/errors.ts";
import { isReadOnly } from "../base/files.ts";
import { isSqliteDamaged, isSqliteDenied, isSqliteForeign, isSqliteFull } from "../base/sqlite.ts";
import { CatalogConflictError } from "./catalog_conflict_error.ts";
import { catalogHint } from "./check_catalog_place.ts";

/** The error of a SQLite catalog for anything thrown while it was read or written: one that says "Cannot" is it already. */
export function catalogFailure(cause: unknown, action: "read" | "write", path: string): Error {
  if (cause instanceof CatalogConflictError) return cause;
  const { message } = cause as Error;
  if (cause instanceof KedgeError && message.startsWith("Cannot")) return cause;
  const { Kind, state, hint } = kindOf(cause, path);
  return new Kind(`Cannot ${action} the catalog "sqlite://${path}": ${state}`, {
    cause,
    side: "destination",
    ...(hint === undefined ? {} : { hint }),
  });
}

interface Failure {
  Kind: typeof KedgeError;
  state: string;
  hint?: string | undefined;
}

function kindOf(cause: unknown, path: string): Failure {
  const { message } = cause as Error;
  if (cause instanceof UsageError) return { Kind: UsageError, state: message, hint: cause.hint };
  if (cause instanceof KedgeError) return { Kind: KedgeError, state: message, hint: cause.hint };
  if (isSqliteFull(cause, path)) return { Kind: NoRoomError, state: "the disk is full" };
  if (isSqliteForeign(cause)) {
    return { Kind: UsageError, state: "it is not a database", hint: catalogHint };
  }
  if (isSqliteDamaged(cause)) {
    const hint = "restore the file from a copy, or publish to another one";
    return { Kind: VerificationError, state: "its database is damaged", hint };
  }
  if (isSqliteDenied(cause, path) || isReadOnly(cause)) {
    return { Kind: NotAllowedError, state: message, hint: "run as the user who owns its file" };
  }
  return { Kind: KedgeError, state: message };
}
