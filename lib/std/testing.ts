/** The typed doorway to `@std/testing`: mocks and snapshots. @module */
import * as mock from "deno-std/testing/mock.js";
import * as snapshot from "deno-std/testing/snapshot.js";

/** One recorded call of a spy. */
export interface SpyCall {
  /** The arguments of the call. */
  args: unknown[];
  /** What it returned. */
  returned?: unknown;
  /** What it threw. */
  error?: Error;
}

/** A function that records its calls. */
export type Spy<Fn extends (...args: never[]) => unknown> = Fn & { calls: SpyCall[] };

/** Wraps a function so that its calls are recorded. */
export const spy: <Fn extends (...args: never[]) => unknown>(fn?: Fn) => Spy<Fn> = mock.spy;
/** Holds a value against the snapshot beside the test. */
export const assertSnapshot: (
  context: Deno.TestContext,
  actual: unknown,
  options?: { name?: string; serializer?: (value: unknown) => string } | string,
) => Promise<void> = snapshot.assertSnapshot;
