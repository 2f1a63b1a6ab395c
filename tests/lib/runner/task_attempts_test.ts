import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import {
  StoppedError,
  TimedOutError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import type { TaskSummary } from "../../../lib/runner/events.ts";
import { task } from "../../../lib/runner/task.ts";
import { description, errorOf, runTasks, states, valueOf } from "./run_tasks.ts";
import { inFolder } from "../../support/in_folder.ts";

Deno.test("retry: tries again with growing waits, and keeps every failure", async () => {
  const attempts: number[] = [];
  const flaky = task({
    name: "flaky",
    description,
    retry: { attempts: 4, delay: 4, factor: 2, jitter: 0 },
    run: ({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error(`no ${attempt}`);
      return attempt;
    },
  });
  const result = await runTasks([flaky], ["flaky"]);
  assertEquals(valueOf(result), 3);
  const waits = result.events.flatMap((event) =>
    event.type === "task-retry" ? [[event.attempt, event.delayMs, event.error.message]] : []
  );
  assertEquals(waits, [[1, 4, "no 1"], [2, 8, "no 2"]]);
});

Deno.test("retry: waits as long as the delay says, also where that is longer than the longest wait is without it", async () => {
  const stop = new AbortController();
  const flaky = task({
    name: "flaky",
    description,
    retry: { attempts: 2, delay: "5m", jitter: 0 },
    run: () => {
      throw new Error("no");
    },
  });
  const onRetry = () => stop.abort(new StoppedError("SIGINT"));
  const { events } = await runTasks([flaky], ["flaky"], { signal: stop.signal, onRetry });
  const waits = events.flatMap((event) => event.type === "task-retry" ? [event.delayMs] : []);
  assertEquals(waits, [300_000]);
});

Deno.test("retry: at last tells how often it was tried, with the exit code of the last failure", async () => {
  const flaky = task({
    name: "flaky",
    description,
    retry: { attempts: 2, delay: 0, when: () => true },
    run: ({ attempt }) => {
      throw attempt === 1 ? new UsageError("no 1") : new VerificationError("no 2");
    },
  });
  const result = await runTasks([flaky], ["flaky"]);
  assertEquals(result.exitCode, 3);
  assertStringIncludes(errorOf(result).message, "it failed 2 times, at last: no 2");
  assertEquals(errorOf(result).causes, ["no 1"]);
});

Deno.test("retry: not after bad usage, and as the predicate says", async () => {
  let runs = 0;
  const usage = task({
    name: "usage",
    description,
    retry: 3,
    run: () => {
      runs++;
      throw new UsageError("no");
    },
  });
  await runTasks([usage], ["usage"]);
  assertEquals(runs, 1);
  const picky = task({
    name: "picky",
    description,
    retry: {
      attempts: 9,
      delay: 0,
      when: (error, attempt) => error.message === "no" && attempt < 3,
    },
    run: () => {
      runs++;
      throw new Error("no");
    },
  });
  await runTasks([picky], ["picky"]);
  assertEquals(runs, 4);
});

Deno.test("timeout: ends a try with exit code 7, and is tried again", async () => {
  const slow = task({
    name: "slow",
    description,
    timeout: "20ms",
    retry: { attempts: 2, delay: 0 },
    run: ({ signal }) => delay(60_000, { signal }),
  });
  const result = await runTasks([slow], ["slow"]);
  assertEquals(result.exitCode, 7);
  assertStringIncludes(errorOf(result).message, 'Cannot finish "slow": it took longer than 20ms');
  assertEquals(result.events.filter((event) => event.type === "task-start").length, 2);
});

Deno.test("timeout: of the whole run ends everything", async () => {
  const { setTimeout } = globalThis;
  const limits: (() => void)[] = [];
  globalThis.setTimeout = ((call: () => void, ms: number) => {
    if (ms === 3_600_000) limits.push(call);
    return setTimeout(call, ms);
  }) as typeof setTimeout;
  const slow = task({
    name: "slow",
    description,
    run: ({ signal }) => {
      for (const isOver of limits) isOver();
      return delay(60_000, { signal });
    },
  });
  const running = runTasks([slow], ["slow", "--timeout", "1h"]);
  const result = await running.finally(() => globalThis.setTimeout = setTimeout);
  assertEquals(result.exitCode, 7);
  assertEquals(states(result), { slow: "stopped" });
});

Deno.test("timeout: one that is longer than a timer can wait ends nothing", async () => {
  const patient = task({
    name: "patient",
    description,
    timeout: "30d",
    run: ({ signal }) => delay(20, { signal }),
  });
  const result = await runTasks([patient], ["patient", "--timeout", "30d"]);
  assertEquals(states(result), { patient: "done" });
});

Deno.test("retry: a wait that is longer than a timer can wait is waited for", async () => {
  const stop = new AbortController();
  let runs = 0;
  const failing = task({
    name: "failing",
    description,
    retry: { attempts: 9, delay: "30d", maxDelay: "30d", jitter: 0 },
    run: () => {
      runs++;
      throw new Error("no");
    },
  });
  // A timer that can wait no longer ends within a millisecond, and so before this one.
  const onRetry = () => void setTimeout(() => stop.abort(new StoppedError("SIGINT")), 20);
  const result = await runTasks([failing], ["failing"], { signal: stop.signal, onRetry });
  assertEquals([result.exitCode, runs], [130, 1]);
});

Deno.test("stop: a run function that never settles is given up after the grace", async () => {
  const stop = new AbortController();
  const hang = task({
    name: "hang",
    description,
    run: () => {
      stop.abort(new TimedOutError("stopped"));
      return new Promise<void>(() => {});
    },
  });
  const result = await runTasks([hang], ["hang"], { signal: stop.signal, graceMs: -980 });
  assertEquals(result.exitCode, 7);
  assert(result.events.some((event) => event.type === "log" && event.level === "warning"));
});

Deno.test("stop: what is disposed of with `using` is disposed of", async () => {
  const log: string[] = [];
  const stop = new AbortController();
  const held = task({
    name: "held",
    description,
    run: async ({ signal }) => {
      await using _thing = {
        async [Symbol.asyncDispose]() {
          await delay(5);
          log.push("disposed");
        },
      };
      stop.abort(new Error("enough"));
      await delay(60_000, { signal });
    },
  });
  await runTasks([held], ["held"], { signal: stop.signal });
  assertEquals(log, ["disposed"]);
});

Deno.test("fresh: evidence stands in for the work, and is told", async () => {
  let runs = 0;
  const lazy = task({
    name: "lazy",
    description,
    fresh: () => ({ why: "the digest is the same", value: "kept" }),
    run: () => {
      runs++;
      return "made";
    },
  });
  const user = task({ name: "user", description, deps: { lazy }, run: ({ deps }) => deps.lazy });
  const result = await runTasks([user], ["user"]);
  assertEquals([valueOf(result), runs], ["kept", 0]);
  assertEquals(states(result), { lazy: "fresh", user: "done" });
  const end = result.events.find((event) => event.type === "task-end" && event.task === "lazy");
  assertEquals((end as TaskSummary).why, "the digest is the same");
  assertEquals(valueOf(await runTasks([user], ["user", "--refresh=lazy"])), "made");
});

Deno.test("fresh: what is no evidence does not stand for the work", async () => {
  let runs = 0;
  for (const given of [false, true, null, "yes", { value: 1 }, { why: undefined }]) {
    const lazy = task({
      name: "lazy",
      description,
      fresh: (() => given) as unknown as () => undefined,
      run: () => void runs++,
    });
    const result = await runTasks([lazy], ["lazy"]);
    assertEquals(states(result), { lazy: "failed" });
    const { message, exitCode, hint } = errorOf(result);
    assertEquals([message, exitCode], ['Cannot run "lazy": its fresh gave no evidence', 2]);
    assertStringIncludes(hint ?? "", "undefined where there is something to do");
  }
  assertEquals(runs, 0);
});

Deno.test("stop: a program that is asked for a secret is told to end", () =>
  inFolder(async (folder) => {
    const log = join(folder, "log");
    await Deno.writeTextFile(log, "");
    const script = `trap 'echo ended >>"$0"; exit 1' TERM; echo up >>"$0"; sleep 1000 & wait`;
    const stop = new AbortController();
    const asks = task({
      name: "asks",
      description,
      run: async ({ secrets }) => {
        const asked = secrets.command("sh", "-c", script, log);
        asked.catch(() => {});
        while (await Deno.readTextFile(log) !== "up\n") await delay(5);
        stop.abort(new Error("enough"));
        await asked;
      },
    });
    const result = await runTasks([asks], ["asks"], { signal: stop.signal });
    assertEquals(result.exitCode, 1);
    assertEquals(await Deno.readTextFile(log), "up\nended\n");
  }));
