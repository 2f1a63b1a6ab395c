import { assertEquals } from "@std/assert";
import {
  ExitCode,
  exitCodeOf,
  IncompleteError,
  KedgeError,
  NoRoomError,
  NotAllowedError,
  StoppedError,
  TimedOutError,
  toError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";

/** From the one that wins to the one that yields. */
const byPrecedence: readonly Error[] = [
  new StoppedError("SIGINT"),
  new StoppedError("SIGTERM"),
  new UsageError("x"),
  new NotAllowedError("x"),
  new VerificationError("x"),
  new NoRoomError("x"),
  new IncompleteError("x"),
  new TimedOutError("x"),
  new UnreachableError("x"),
  new KedgeError("x"),
];

Deno.test("exitCodeOf() gives each class its code of the table", () => {
  assertEquals(byPrecedence.map(exitCodeOf), [130, 143, 2, 5, 3, 8, 6, 7, 4, 1]);
});

Deno.test("exitCodeOf() takes the first of the table's order where several errors are joined", () => {
  for (let first = 0; first < byPrecedence.length; first++) {
    const rest = byPrecedence.slice(first).reverse();
    assertEquals(exitCodeOf(new AggregateError(rest)), exitCodeOf(byPrecedence[first]));
  }
});

Deno.test("exitCodeOf() looks into nested aggregates and into the causes of foreign errors", () => {
  const nested = new AggregateError([new AggregateError([new UsageError("x")]), new Error("y")]);
  assertEquals(exitCodeOf(nested), ExitCode.usage);
  assertEquals(exitCodeOf(new Error("x", { cause: new TimedOutError("y") })), ExitCode.timedOut);
  assertEquals(
    exitCodeOf(new KedgeError("x", { cause: new UnreachableError("y") })),
    ExitCode.unreachable,
  );
});

Deno.test("exitCodeOf() takes the end of an AbortSignal.timeout() for what it is", async () => {
  const signal = AbortSignal.timeout(0);
  const thrown = await new Promise((ended) => {
    signal.addEventListener("abort", () => ended(signal.reason));
  });
  assertEquals(exitCodeOf(thrown), ExitCode.timedOut);
  assertEquals(exitCodeOf(new Error("x", { cause: thrown })), ExitCode.timedOut);
});

Deno.test("exitCodeOf() ends on causes that form a ring", () => {
  const ring = new Error("x");
  ring.cause = ring;
  assertEquals(exitCodeOf(ring), ExitCode.failed);
});

Deno.test("exitCodeOf() reads a full disk or quota from the operating system's code", () => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    assertEquals(exitCodeOf(Object.assign(new Error("full"), { code })), ExitCode.noRoom);
  }
});

Deno.test("exitCodeOf() calls anything else a failed task", () => {
  for (const thrown of [undefined, null, "text", 7, {}, new Error("x")]) {
    assertEquals(exitCodeOf(thrown), ExitCode.failed);
  }
});

Deno.test("toError() keeps the words of what was thrown", () => {
  const error = new Error("x");
  assertEquals(toError(error), error);
  assertEquals(toError("just words").message, "just words");
  assertEquals(toError({ message: "of another realm" }).message, "of another realm");
  assertEquals(toError({ code: 7 }).message, "What was thrown is not an error: { code: 7 }");
  assertEquals(toError(undefined).message, "What was thrown is not an error: undefined");
  assertEquals(toError("").message, 'What was thrown is not an error: ""');
  assertEquals(
    toError(Object.create(null)).message,
    "What was thrown is not an error: [Object: null prototype] {}",
  );
});
