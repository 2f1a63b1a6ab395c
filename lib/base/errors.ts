/**
 * The errors that callers catch, and the exit codes of the command line.
 *
 * Invariants: each class has exactly one exit code; a message says
 * `Cannot <action> "<value>": <state>` without a full stop; the next step is the `hint`.
 *
 * @module
 */

/** The exit codes of a task file. */
export const ExitCode = {
  /** Done. */
  ok: 0,
  /** A task failed. */
  failed: 1,
  /** Unknown task or flag, bad value. */
  usage: 2,
  /** Digest, signature or contents are not what they must be. */
  verification: 3,
  /** A remote stayed unreachable or kept failing after the retries. */
  unreachable: 4,
  /** Authentication or authorization. */
  notAllowed: 5,
  /** A store lacks something; nothing was committed. */
  incomplete: 6,
  /** A lock or a task took longer than it may. */
  timedOut: 7,
  /** No disk space. */
  noRoom: 8,
  /** SIGINT. */
  interrupted: 130,
  /** SIGTERM, or SIGHUP. */
  terminated: 143,
} as const;

/** One of the values of {@linkcode ExitCode}. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** On which side of a transfer an error arose. */
export type Side = "source" | "destination";

/** Options of {@linkcode KedgeError}. */
export interface KedgeErrorOptions {
  /** What led to it. */
  cause?: unknown | undefined;
  /** The next step for the reader, one sentence without a full stop. */
  hint?: string | undefined;
  /** The side of the transfer that failed. */
  side?: Side | undefined;
  /** Facts as data, for programs: digests, sizes, a status. */
  data?: Record<string, unknown> | undefined;
}

/** The root of kedge's own errors: a task failed. Exit code 1. */
export class KedgeError extends Error {
  /** The name of the class. */
  override readonly name: string = "KedgeError";
  /** The exit code that this error stands for. */
  readonly exitCode: ExitCode = ExitCode.failed;
  /** The next step for the reader. */
  readonly hint?: string;
  /** The side of the transfer that failed. */
  readonly side?: Side;
  /** Facts as data. */
  readonly data: Readonly<Record<string, unknown>>;

  /** Makes an error with a message and its details. */
  constructor(message: string, options: KedgeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.side !== undefined) this.side = options.side;
    this.data = options.data ?? {};
  }
}

/** An unknown task or flag, or a value out of its range. Exit code 2. */
export class UsageError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "UsageError";
  /** The exit code that it stands for. */
  override readonly exitCode: typeof ExitCode.usage = ExitCode.usage;
}

/** A digest, a signature or contents are not what they must be. Exit code 3. */
export class VerificationError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "VerificationError";
  /** The exit code that it stands for. */
  override readonly exitCode: typeof ExitCode.verification = ExitCode.verification;
}

/** A remote stayed unreachable or kept failing after the retries. Exit code 4. */
export class UnreachableError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "UnreachableError";
  /** The exit code that it stands for. */
  override readonly exitCode: typeof ExitCode.unreachable = ExitCode.unreachable;
}

/** A remote refused the credentials or got none, or the system denies this user access to something. Exit code 5. */
export class NotAllowedError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "NotAllowedError";
  /** The exit code that it stands for. */
  override readonly exitCode: typeof ExitCode.notAllowed = ExitCode.notAllowed;
}

/** A store lacks something that the pointer would point to; nothing was committed. Exit code 6. */
export class IncompleteError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "IncompleteError";
  /** The exit code that it stands for. */
  override readonly exitCode: typeof ExitCode.incomplete = ExitCode.incomplete;
}

/** A lock or a task took longer than it may. Exit code 7. */
export class TimedOutError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "TimedOutError";
  /** The exit code that it stands for. */
  override readonly exitCode: typeof ExitCode.timedOut = ExitCode.timedOut;
}

/** The disk has not enough space. Exit code 8. */
export class NoRoomError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "NoRoomError";
  /** The exit code that it stands for. */
  override readonly exitCode: typeof ExitCode.noRoom = ExitCode.noRoom;
}

/** SIGINT, SIGTERM or SIGHUP ended the run. Exit code 130 for the first, 143 for the others. */
export class StoppedError extends KedgeError {
  /** The name of the class. */
  override readonly name: string = "StoppedError";
  /** The exit code of the signal. */
  override readonly exitCode: typeof ExitCode.interrupted | typeof ExitCode.terminated;

  /** Says which signal ended the run. */
  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`Stopped by ${signal}`);
    this.exitCode = signal === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated;
  }
}

const precedence: readonly ExitCode[] = [
  ExitCode.interrupted,
  ExitCode.terminated,
  ExitCode.usage,
  ExitCode.notAllowed,
  ExitCode.verification,
  ExitCode.noRoom,
  ExitCode.incomplete,
  ExitCode.timedOut,
  ExitCode.unreachable,
  ExitCode.failed,
];

/**
 * Gives the exit code of anything thrown. Of the errors in an `AggregateError`, the first of 130, 143, 2, 5, 3, 8, 6, 7, 4, 1 counts.
 * A full disk is 8, whatever class of error reports it.
 *
 * @example
 * ```ts
 * import { ExitCode, exitCodeOf, UsageError } from "@kedge/kedge";
 *
 * exitCodeOf(new UsageError('Cannot use "x": it is not a size')) === ExitCode.usage; // true
 * ```
 */
export function exitCodeOf(error: unknown): ExitCode {
  const codes = new Set<ExitCode>();
  collectCodes(error, codes, 0);
  return precedence.find((code) => codes.has(code)) ?? ExitCode.failed;
}

function collectCodes(error: unknown, codes: Set<ExitCode>, depth: number): void {
  if (depth > 8) return;
  if (error instanceof KedgeError && error.exitCode !== ExitCode.failed) {
    codes.add(error.exitCode);
  } else if (error instanceof AggregateError) {
    for (const each of error.errors) collectCodes(each, codes, depth + 1);
  } else if (isNoRoom(error)) {
    codes.add(ExitCode.noRoom);
  } else if (error instanceof DOMException && error.name === "TimeoutError") {
    codes.add(ExitCode.timedOut); // That of an `AbortSignal.timeout()`.
  } else if (error instanceof Error && error.cause !== undefined) {
    collectCodes(error.cause, codes, depth + 1);
  }
}

/** Whether an error of the operating system says that the disk or the quota is full. */
export function isNoRoom(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** The code that the operating system or Node gives an error, such as `ENOENT`; `undefined` where there is none. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** An `Error` of anything thrown, so that a thrown text keeps its words, and a thrown object its fields. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new KedgeError(wordsOf(thrown), { cause: thrown });
}

function wordsOf(thrown: unknown): string {
  if (typeof thrown === "string" && thrown.trim() !== "") return thrown;
  const { message } = Object(thrown) as { message?: unknown };
  if (typeof message === "string" && message !== "") return message;
  const shown = Deno.inspect(thrown, { colors: false, depth: 2, breakLength: Infinity });
  return `What was thrown is not an error: ${shown}`;
}
