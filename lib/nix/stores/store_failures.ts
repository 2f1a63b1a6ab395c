import {
  ExitCode,
  exitCodeOf,
  IncompleteError,
  KedgeError,
  type KedgeErrorOptions,
  NoRoomError,
  NotAllowedError,
  toError,
  VerificationError,
} from "../../base/errors.ts";

/** What went wrong in which store. */
export interface StoreFailure {
  /** The store, for people. */
  store: string;
  /** The store path, where it concerns one. */
  path?: string;
  /** What was thrown. */
  error: unknown;
}

/** How the failures are told. */
export interface StoreFailuresErrorOptions {
  /** What was tried. @default {"publish"} */
  action?: "publish" | "prove";
  /** What to do about it. @default {what the first failure says of itself} */
  hint?: string;
}

const classes = {
  [ExitCode.notAllowed]: NotAllowedError,
  [ExitCode.verification]: VerificationError,
  [ExitCode.noRoom]: NoRoomError,
} as const;

const hints = {
  [ExitCode.noRoom]:
    "nothing was committed; make room there, and the same command continues where this one ended",
} as const;

/**
 * One error of all that went wrong in the stores: nothing was committed. It is {@linkcode IncompleteError} unless a login was refused, contents
 * were wrong or the disk is full, which have exit codes of their own.
 */
export function storeFailuresError(
  failures: readonly StoreFailure[],
  { action = "publish", hint: next }: StoreFailuresErrorOptions = {},
): KedgeError {
  const errors = failures.map((failure) => toError(failure.error));
  const first = failures[0];
  const cause = errors.length === 1 ? errors[0]! : new AggregateError(errors);
  const code = exitCodeOf(cause);
  const Class = classes[code as keyof typeof classes] ?? IncompleteError;
  const index = Math.max(0, errors.findIndex((error) => exitCodeOf(error) === code));
  const chosen = failures[index] ?? first;
  const stores = new Set(failures.map((failure) => failure.store));
  const more = failures.length > 1
    ? `; ${failures.length - 1} more of the kind in ${
      stores.size === 1 ? "this store" : `${stores.size} stores`
    }`
    : "";
  const what = chosen?.path === undefined ? "" : ` "${chosen.path}"`;
  const hint = errors[index] instanceof KedgeError ? (errors[index] as KedgeError).hint : undefined;
  const options: KedgeErrorOptions = {
    cause,
    side: "destination",
    hint: next ?? hint ?? hints[code as keyof typeof hints] ??
      "nothing was committed; the same command continues where this one ended",
    data: {
      stores: [...stores],
      paths: failures.flatMap((failure) => failure.path === undefined ? [] : [failure.path]),
    },
  };
  return new Class(
    `Cannot ${action}${what} ${action === "publish" ? "to" : "in"} "${chosen?.store}": ${
      errors[index]?.message
    }${more}`,
    options,
  );
}
