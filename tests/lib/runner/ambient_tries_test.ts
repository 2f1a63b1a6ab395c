/** What a try of a task starts without the context of its task, and leaves when it fails. */
import { assertEquals } from "@std/assert";
import { resolveContext } from "../../../lib/runner/context.ts";
import { task } from "../../../lib/runner/task.ts";
import { runTasks, states, valueOf } from "./run_tasks.ts";

const retry = { attempts: 3, delay: "1ms" };

Deno.test("a try that takes its context ends what it started without it", async () => {
  const signals: AbortSignal[] = [];
  const tries = task({
    name: "tries",
    description: "Fail once",
    retry,
    run: async ({ attempt }) => {
      await Promise.resolve();
      signals.push(resolveContext().signal);
      if (attempt === 1) throw new Error("first");
      return signals.map(({ aborted }) => aborted);
    },
  });
  assertEquals(valueOf(await runTasks([tries], ["tries"])), [true, false]);
});

for (const [kind, timeout] of [["a task", undefined], ["a task with a timeout", "1h"]] as const) {
  Deno.test(`what a failed try of ${kind} started without a context is ended before the next try`, async () => {
    const signals: AbortSignal[] = [];
    const tries = task({
      name: "tries",
      description: "Fail twice",
      retry,
      ...(timeout === undefined ? {} : { timeout }),
      run: async () => {
        await Promise.resolve();
        const ended = signals.map(({ aborted }) => aborted);
        const { signal } = resolveContext();
        signals.push(signal);
        if (signals.length < 3) throw new Error(`try ${signals.length}`);
        return [...ended, signal.aborted];
      },
    });
    assertEquals(valueOf(await runTasks([tries], ["tries"])), [true, true, false]);
    assertEquals(signals[2]?.aborted, false);
  });
}

Deno.test("what a failed task started without a context is ended where the tasks beside it go on", async () => {
  let signal: AbortSignal | undefined;
  const ended = Promise.withResolvers<void>();
  const fails = task({
    name: "fails",
    description: "Fail",
    run: async () => {
      await Promise.resolve();
      ({ signal } = resolveContext());
      signal.addEventListener("abort", () => ended.resolve(), { once: true });
      throw new Error("failed");
    },
  });
  const beside = task({ name: "beside", description: "Wait", run: () => ended.promise });
  const both = task({
    name: "both",
    description: "Both",
    deps: { fails, beside },
    run: () => {},
  });
  const ran = await runTasks([both], ["both", "--jobs=2", "--keep-going"]);
  assertEquals(states(ran), { fails: "failed", beside: "done", both: "not-run" });
});
