import { assertEquals, assertRejects } from "@std/assert";
import { together } from "../../../lib/base/together.ts";

/** Never ends but by its signal, and tells then. */
function endless(told: string[], name: string): (signal: AbortSignal) => Promise<never> {
  return async (signal) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason));
    return await promise.finally(async () => {
      await Promise.resolve();
      told.push(`${name} ended`);
    });
  };
}

Deno.test("together() gives what each work gave, in their order", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const outcome = together<[string, number]>([
    () => promise,
    () => {
      resolve("late");
      return Promise.resolve(1);
    },
  ], new AbortController().signal);
  assertEquals(await outcome, ["late", 1]);
});

Deno.test("together() ends the others when one fails, and waits for them before it tells", async () => {
  const told: string[] = [];
  const failing = () => Promise.reject(new Error("broken"));
  const { signal } = new AbortController();
  await assertRejects(
    () => together([endless(told, "a"), failing, endless(told, "b")], signal),
    Error,
    "broken",
  );
  assertEquals(told, ["a ended", "b ended"]);
});

Deno.test("together() ends with the signal that it is given", async () => {
  const told: string[] = [];
  const stop = new AbortController();
  const outcome = together([endless(told, "a"), endless(told, "b")], stop.signal);
  stop.abort(new Error("stopped"));
  await assertRejects(() => outcome, Error, "stopped");
  assertEquals(told, ["a ended", "b ended"]);
});
