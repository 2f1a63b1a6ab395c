import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import {
  StoppedError,
  TimedOutError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { refreshes } from "../../../lib/cache/refresh.ts";
import { arg } from "../../../lib/runner/arg_builder.ts";
import type { TaskSummary } from "../../../lib/runner/events.ts";
import { secret } from "../../../lib/runner/secrets.ts";
import { type AnyTask, task } from "../../../lib/runner/task.ts";
import { errorOf, type Ran, runTasks, valueOf } from "./run_tasks.ts";
import { environment } from "../../support/environment.ts";
import { freePort } from "../../support/free_port.ts";
import { inFolder } from "../../support/in_folder.ts";

const description = "A task of the tests";

/** What became of each task, by its label. */
function states(ran: Ran): Record<string, string> {
  const end = ran.events.find((event) => event.type === "run-end");
  return Object.fromEntries(
    (end?.tasks ?? []).map((each: TaskSummary) => [each.task, each.status]),
  );
}

/** A task that notes when it begins and ends. */
function noting(name: string, log: string[], deps: Record<string, AnyTask> = {}, ms = 5): AnyTask {
  return task({
    name,
    description,
    deps: deps as Record<string, never>,
    run: async ({ signal }) => {
      log.push(`${name} begins`);
      await delay(ms, { signal });
      log.push(`${name} ends`);
    },
  });
}

Deno.test("deps: run first, and give their results", async () => {
  const one = task({ name: "one", description, run: () => 1 });
  const two = task({ name: "two", description, deps: { one }, run: ({ deps }) => deps.one + 1 });
  const all = task({
    name: "all",
    description,
    deps: { one, two },
    run: ({ deps }) => [deps.one, deps.two],
  });
  assertEquals(valueOf(await runTasks([one, two, all], ["all"])), [1, 2]);
});

Deno.test("deps: a task that several wait for runs once, and each of them waits for it", async () => {
  const log: string[] = [];
  const shared = noting("shared", log, {}, 30);
  const left = noting("left", log, { shared });
  const right = noting("right", log, { shared });
  const top = noting("top", log, { left, right, shared });
  await runTasks([top], ["top", "--jobs", "4"]);
  assertEquals(log.slice(0, 2), ["shared begins", "shared ends"]);
  assertEquals(log.filter((line) => line.endsWith("begins")).length, 4);
  assertEquals(log.at(-1), "top ends");
});

Deno.test("deps: a task runs once for each of its arguments, however they are written", async () => {
  const runs: unknown[] = [];
  const build = task({
    name: "build",
    description,
    args: {
      arch: arg.enum(["x", "y"], { description, default: "x" }),
      tags: arg.list(arg.string({ description })),
    },
    run: ({ args }) => void runs.push(args),
  });
  const all = task({
    name: "all",
    description,
    deps: {
      a: build,
      b: build.with({}),
      c: build.with({ arch: "x" }),
      d: build.with({ arch: "y" }),
      e: build.with({ tags: ["1"], arch: "y" }),
      f: build.with({ arch: "y", tags: ["1"] }),
    },
    run: async ({ run }) => {
      await Promise.all([run(build), run(build, { arch: "y" }), run(build, { arch: "y" })]);
    },
  });
  await runTasks([all], ["all"]);
  assertEquals(runs, [{ arch: "x" }, { arch: "y" }, { arch: "y", tags: ["1"] }]);
});

Deno.test("deps: may depend on the arguments", async () => {
  const build = task({
    name: "build",
    description,
    args: { arch: arg.string({ description, required: true }) },
    run: ({ args }) => `out/${args.arch}`,
  });
  const ship = task({
    name: "ship",
    description,
    args: { arch: arg.string({ description, default: "x" }) },
    deps: (args) => ({ build: build.with({ arch: args.arch }) }),
    run: ({ deps }) => deps.build,
  });
  assertEquals(valueOf(await runTasks([ship], ["ship", "--arch", "z"])), "out/z");
});

Deno.test("deps: a ring is found before anything runs", async () => {
  const deps: Record<string, AnyTask> = {};
  let ran = false;
  const run = () => void (ran = true);
  const a = task({ name: "a", description, deps: deps as Record<string, never>, run });
  const b = task({ name: "b", description, deps: { a }, run });
  const c = task({ name: "c", description, deps: { b }, run });
  deps["c"] = c;
  const result = await runTasks([a, b, c], ["c"]);
  assertEquals(result.exitCode, 2);
  assertEquals(errorOf(result).message, 'Cannot run "c": it waits for itself');
  assertEquals(errorOf(result).hint, "c -> b -> a -> c");
  assertEquals(ran, false);
});

Deno.test("deps: what is no task is told, whichever way it was declared", async () => {
  const lost = { build: undefined } as unknown as Record<string, never>;
  const run = () => {};
  for (const deps of [lost, () => lost]) {
    const ship = task({ name: "ship", description, deps, run });
    const result = await runTasks([ship], ["ship"]);
    assertEquals(result.exitCode, 2);
    assertEquals(
      errorOf(result).message,
      'Cannot run "ship": its dependency "build" is no task',
    );
  }
});

Deno.test("deps: a function that gives no dependencies at once is refused, rather than run without them", async () => {
  const build = task({ name: "build", description, run: () => {} });
  let ran = false;
  for (const odd of [() => Promise.resolve({ build }), () => undefined, () => [build]]) {
    const deps = odd as unknown as () => { build: typeof build };
    const ship = task({ name: "ship", description, deps, run: () => void (ran = true) });
    const result = await runTasks([build, ship], ["ship"]);
    assertEquals([result.exitCode, ran], [2, false]);
    assertEquals(
      errorOf(result).message,
      'Cannot run "ship": its deps gave no tasks by their names',
    );
  }
});

Deno.test("deps: what does not end is found before anything runs", async () => {
  const args = { depth: arg.number({ description, default: 0 }) };
  let ran = false;
  // deno-lint-ignore prefer-const
  let next: { with(args: { depth: number }): never };
  const endless = task({
    name: "endless",
    description,
    args,
    deps: ({ depth }) => ({ next: next.with({ depth: depth + 1 }) }),
    run: () => void (ran = true),
  });
  next = endless as unknown as typeof next;
  const result = await runTasks([endless], ["endless"]);
  assertEquals([result.exitCode, ran], [2, false]);
  assertStringIncludes(errorOf(result).message, "its dependencies do not end");
});

Deno.test("deps: a chain of a thousand tasks runs", async () => {
  let last = task({ name: "t0", description, run: () => 0 });
  for (let i = 1; i <= 1000; i++) {
    const before = last;
    last = task({
      name: `t${i}`,
      description,
      deps: { before },
      run: ({ deps }) => deps.before + 1,
    });
  }
  assertEquals(valueOf(await runTasks([last], ["t1000"])), 1000);
});

Deno.test("names: two tasks with one name are refused", async () => {
  const result = await runTasks([
    task({ name: "a", description, run: () => {} }),
    task({ name: "a", description, run: () => {} }),
  ], ["a"]);
  assertEquals(result.exitCode, 2);
  assertStringIncludes(errorOf(result).message, 'two tasks with the name "a"');
});

Deno.test("names: what is no task is refused", async () => {
  for (const odd of [null, undefined, 1, () => {}, {}]) {
    const result = await runTasks([odd as unknown as AnyTask], ["a"]);
    assertEquals(result.exitCode, 2);
    assertStringIncludes(errorOf(result).message, "it was not made by task()");
  }
});

Deno.test("names: a task with a flag of every task file is refused", async () => {
  for (const [key, flag] of [["dryRun", "--dry-run"], ["n", "--n"]] as const) {
    const args = { [key]: arg.string({ description }) };
    const bad = task({ name: "a", description, args, run: () => {} });
    assertStringIncludes(errorOf(await runTasks([bad], ["a"])).message, `${flag} is one of every`);
  }
});

Deno.test("run: a task from inside another gives its result, once", async () => {
  let runs = 0;
  const build = task({
    name: "build",
    description,
    args: { arch: arg.string({ description, required: true }) },
    run: ({ args }) => ({ path: `out/${args.arch}`, run: ++runs }),
  });
  const all = task({
    name: "all",
    description,
    run: async ({ run }) => {
      const [one, two] = await Promise.all([run(build, { arch: "x" }), run(build, { arch: "x" })]);
      return [one.path, one === two, runs];
    },
  });
  assertEquals(valueOf(await runTasks([all], ["all", "--jobs", "1"])), ["out/x", true, 1]);
});

Deno.test("run: two that wait for each other are told so", async () => {
  const a: AnyTask = task({
    name: "a",
    description,
    run: async ({ run }) => void await run(b as typeof plain),
  });
  const b: AnyTask = task({
    name: "b",
    description,
    run: async ({ run }) => void await run(a as typeof plain),
  });
  const plain = task({ name: "plain", description, run: () => {} });
  const result = await runTasks([a, b], ["a"]);
  assertEquals(result.exitCode, 2);
  assertStringIncludes(errorOf(result).message, 'Cannot run "a" from "b"');
});

Deno.test("run: a failure is the caller's to handle", async () => {
  const bad = task({ name: "bad", description, run: () => Promise.reject(new Error("no")) });
  const all = task({
    name: "all",
    description,
    run: async ({ run }) => {
      try {
        await run(bad);
        return "went well";
      } catch (error) {
        return (error as Error).message;
      }
    },
  });
  const result = await runTasks([all], ["all"]);
  assertEquals(valueOf(result), "no");
  assertEquals(states(result), { bad: "failed", all: "done" });
});

Deno.test("jobs: no more run at once than are allowed", async () => {
  for (const jobs of [1, 3]) {
    let now = 0;
    let most = 0;
    const deps = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [
        `t${index}`,
        task({
          name: `t${index}`,
          description,
          run: async () => {
            most = Math.max(most, ++now);
            await delay(5);
            now--;
          },
        }),
      ]),
    );
    const all = task({ name: "all", description, deps, run: () => {} });
    await runTasks([all], ["all", "--jobs", String(jobs)]);
    assertEquals(most, jobs);
  }
});

Deno.test("jobs: DENO_JOBS stands in for --jobs", async () => {
  const env = (name: string) => name === "DENO_JOBS" ? "none" : undefined;
  const a = task({ name: "a", description, run: () => {} });
  assertStringIncludes(errorOf(await runTasks([a], ["a"], { env })).message, "DENO_JOBS");
});

Deno.test("failure: stops the siblings, and what waits for it does not run", async () => {
  const log: string[] = [];
  const bad = task({
    name: "bad",
    description,
    run: async () => {
      await delay(10);
      throw new VerificationError("Cannot verify");
    },
  });
  const slow = noting("slow", log, {}, 60_000);
  const top = noting("top", log, { bad, slow });
  const result = await runTasks([top], ["top", "--jobs", "2"]);
  assertEquals(result.exitCode, 3);
  assertEquals(states(result), { bad: "failed", slow: "stopped", top: "not-run" });
  assertEquals(log, ["slow begins"]);
  assertEquals(errorOf(result).message, "Cannot verify");
});

Deno.test("failure: --keep-going runs what can still run, and tells all that failed", async () => {
  const log: string[] = [];
  const bad = task({ name: "bad", description, run: () => Promise.reject(new Error("bad")) });
  const worse = task({
    name: "worse",
    description,
    run: () => Promise.reject(new UsageError("worse")),
  });
  const slow = noting("slow", log, {}, 20);
  const after = noting("after", log, { slow });
  const top = noting("top", log, { bad, worse, after });
  const result = await runTasks([top], ["top", "--keep-going"]);
  assertEquals(result.exitCode, 2);
  assertEquals(states(result), {
    bad: "failed",
    worse: "failed",
    slow: "done",
    after: "done",
    top: "not-run",
  });
  assertEquals(errorOf(result).message, "2 tasks failed");
});

Deno.test("failure: whatever is thrown is told", async () => {
  const no = "What was thrown is no error:";
  for (
    const [thrown, message] of [
      ["a text", "a text"],
      [undefined, `${no} undefined`],
      [7, `${no} 7`],
      [{ code: 3 }, `${no} { code: 3 }`],
    ]
  ) {
    const bad = task({
      name: "bad",
      description,
      run: () => {
        throw thrown;
      },
    });
    const result = await runTasks([bad], ["bad"]);
    assertEquals([result.exitCode, errorOf(result).message], [1, message]);
  }
});

Deno.test("only: the task runs alone, and its dependencies cannot be taken", async () => {
  let ran = false;
  const dep = task({ name: "dep", description, run: () => void (ran = true) });
  const free = task({ name: "free", description, deps: { dep }, run: () => "done" });
  const bound = task({ name: "bound", description, deps: { dep }, run: ({ deps }) => deps.dep });
  assertEquals(valueOf(await runTasks([free], ["free", "--only"])), "done");
  const result = await runTasks([bound], ["bound", "--only"]);
  assertEquals([result.exitCode, ran], [2, false]);
  assertStringIncludes(errorOf(result).message, "--only left it out");
});

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
      setTimeout(() => stop.abort(new StoppedError("SIGINT")), 100);
      throw new Error("no");
    },
  });
  const { events } = await runTasks([flaky], ["flaky"], { signal: stop.signal });
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

Deno.test("run: what a task says of a URL is told without its user, password and query", async () => {
  const leaky = task({
    name: "leaky",
    description,
    retry: { attempts: 2, delay: 0 },
    run: () => {
      throw new Error("no https://me:hunter2@a.example/b?sig=hunter2#hunter2 today");
    },
  });
  const result = await runTasks([leaky], ["leaky"]);
  assertStringIncludes(errorOf(result).message, "no https://a.example/b?… today");
  assert(!JSON.stringify(result).includes("hunter2"), JSON.stringify(result));
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
  const slow = task({
    name: "slow",
    description,
    run: ({ signal }) => delay(60_000, { signal }),
  });
  const result = await runTasks([slow], ["slow", "--timeout", "1s"]);
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
      setTimeout(() => stop.abort(new StoppedError("SIGINT")), 100);
      throw new Error("no");
    },
  });
  const result = await runTasks([failing], ["failing"], { signal: stop.signal });
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

Deno.test("needs: everything that is missing is told before anything starts", async () => {
  let ran = false;
  const dep = task({
    name: "dep",
    description,
    needs: [{ tool: "kedge-no-such-tool", hint: "install it" }, { env: "KEDGE_NO_SUCH" }],
    run: () => void (ran = true),
  });
  const top = task({
    name: "top",
    description,
    deps: { dep },
    needs: [{ file: "no-such-file" }, { freeBytes: 2 ** 60 }, { tool: "sh" }],
    run: () => {},
  });
  const env = (name: string) =>
    ({ PATH: Deno.env.get("PATH"), KEDGE_CACHE_DIR: "/tmp/kedge-none" } as Record<string, string>)[
      name
    ];
  const result = await runTasks([top], ["top"], { env });
  assertEquals([result.exitCode, ran, result.events], [2, false, []]);
  const { message, hint } = errorOf(result);
  assertStringIncludes(message, `"dep": the program "kedge-no-such-tool" is not installed`);
  assertStringIncludes(message, `"dep": the variable KEDGE_NO_SUCH is not set`);
  assertStringIncludes(message, `"top": "no-such-file" is not there`);
  assertStringIncludes(message, `"top": only `);
  assertEquals(hint, "install it");
});

Deno.test("needs: a tool's version and a host are asked for", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tool = Deno.execPath();
  const one = (needs: Parameters<typeof task>[0]["needs"]) =>
    runTasks([task({ name: "a", description, needs: needs ?? [], run: () => {} })], ["a"]);
  const host = `127.0.0.1:${listener.addr.port}`;
  assertEquals((await one([{ tool, version: ">=2.0 <100" }, { host }])).exitCode, 0);
  assertStringIncludes(errorOf(await one([{ tool, version: ">=100" }])).message, ">=100 is needed");
  const silent = `127.0.0.1:${await freePort()}`;
  const refused = await one([{ host: silent }]);
  assertStringIncludes(errorOf(refused).message, `the host "${silent}" cannot be reached`);
});

Deno.test("confirm: nothing starts unless it is confirmed", async () => {
  const asked: string[] = [];
  const wipe = task({
    name: "wipe",
    description,
    args: { disk: arg.string({ description, default: "sda" }) },
    confirm: (args) => `Wipe ${args.disk}?`,
    run: () => "wiped",
  });
  const top = task({ name: "top", description, deps: { wipe }, run: ({ deps }) => deps.wipe });
  const confirm = (answer: boolean | undefined) => ({
    confirm: (question: string) => {
      asked.push(question);
      return Promise.resolve(answer);
    },
  });
  assertEquals(valueOf(await runTasks([top], ["top"], confirm(true))), "wiped");
  for (const [answer, state] of [[false, "it was declined"], [undefined, "nobody confirmed it"]]) {
    const result = await runTasks([top], ["top"], confirm(answer as boolean | undefined));
    assertEquals([result.exitCode, result.events], [1, []]);
    assertStringIncludes(errorOf(result).message, state as string);
  }
  assertEquals(asked, ["Wipe sda?", "Wipe sda?", "Wipe sda?"]);
  assertEquals(valueOf(await runTasks([top], ["top", "--yes"], confirm(false))), "wiped");
  await runTasks([top], ["top", "--dry-run"], confirm(false));
  assertEquals(asked.length, 3);
});

Deno.test("confirm: nobody is asked where there is nothing to ask", async () => {
  const wipe = task({
    name: "wipe",
    description,
    args: { real: arg.boolean({ description }) },
    confirm: ({ real }) => real ? "Wipe?" : undefined,
    run: () => "done",
  });
  const declined = { confirm: () => Promise.resolve(false) };
  assertEquals(valueOf(await runTasks([wipe], ["wipe"], declined)), "done");
  assertEquals((await runTasks([wipe], ["wipe", "--real"], declined)).exitCode, 1);
});

Deno.test("confirm: what is no question is not asked, and nothing starts", async () => {
  let asked = false;
  let ran = false;
  for (const odd of [() => Promise.resolve("Wipe?"), () => null, () => true]) {
    const confirm = odd as unknown as () => string;
    const wipe = task({ name: "wipe", description, confirm, run: () => void (ran = true) });
    const result = await runTasks([wipe], ["wipe"], {
      confirm: () => Promise.resolve(asked = true),
    });
    assertEquals([result.exitCode, asked, ran], [2, false, false]);
    assertEquals(errorOf(result).message, 'Cannot run "wipe": its confirm gave no text to ask');
  }
});

Deno.test("confirm: what runs a task from inside waits for the answer, whoever asked first", async () => {
  const log: string[] = [];
  const wipe = task({
    name: "wipe",
    description,
    confirm: () => "Wipe?",
    run: () => void log.push("wiped"),
  });
  const shred = task({
    name: "shred",
    description,
    confirm: () => "Shred?",
    run: () => void log.push("shredded"),
  });
  const first = task({ name: "first", description, run: (ctx) => ctx.run(wipe) });
  const second = task({ name: "second", description, run: (ctx) => ctx.run(wipe) });
  const third = task({ name: "third", description, run: (ctx) => ctx.run(shred) });
  const all = task({ name: "all", description, deps: { first, second, third }, run: () => {} });
  const ran = await runTasks([all], ["all", "--jobs", "3"], {
    confirm: async (question) => {
      log.push(question);
      await delay(20);
      log.push(`yes to ${question}`);
      return true;
    },
  });
  assertEquals(ran.exitCode, 0);
  const questions = log.filter((line) => line.endsWith("?"));
  assertEquals(questions, ["Wipe?", "yes to Wipe?", "Shred?", "yes to Shred?"]);
  assert(log.indexOf("yes to Wipe?") < log.indexOf("wiped"));
});

Deno.test("confirm: what was declined is not run by the next try of who wanted it", async () => {
  let [questions, wiped] = [0, 0];
  const wipe = task({
    name: "wipe",
    description,
    confirm: () => "Wipe?",
    run: () => void wiped++,
  });
  const top = task({
    name: "top",
    description,
    retry: { attempts: 3, delay: 1 },
    run: (ctx) => ctx.run(wipe),
  });
  const ran = await runTasks([top], ["top"], {
    confirm: () => Promise.resolve(++questions > 1),
  });
  assertEquals([ran.exitCode, questions, wiped], [1, 1, 0]);
  assertStringIncludes(errorOf(ran).message, "it was declined");
});

Deno.test("run: two that run each other at the same moment are told so", async () => {
  const gate = Promise.withResolvers<void>();
  const a = task({
    name: "a",
    description,
    run: async (ctx): Promise<unknown> => {
      await gate.promise;
      return await ctx.run(b);
    },
  });
  const b = task({
    name: "b",
    description,
    run: async (ctx): Promise<unknown> => {
      gate.resolve();
      await gate.promise;
      return await ctx.run(a);
    },
  });
  const top = task({ name: "top", description, deps: { a, b }, run: () => {} });
  const ran = await runTasks([top], ["top", "--jobs", "2"]);
  assertEquals(ran.exitCode, 2);
  assertStringIncludes(errorOf(ran).message, "each waits for the other");
});

Deno.test("run: a result that JSON cannot hold is told as well as it can be", async () => {
  const odd = task({
    name: "odd",
    description,
    run: () => {
      const value: Record<string, unknown> = {
        big: 10n,
        url: new URL("https://a.example/b"),
        date: new Date(0),
        set: new Set([1]),
        map: new Map([["a", 1]]),
        bytes: new Uint8Array(3),
        error: new UsageError("no"),
        nothing: undefined,
        not: NaN,
        call: () => {},
      };
      value["self"] = value;
      return value;
    },
  });
  assertEquals(valueOf(await runTasks([odd], ["odd"])), {
    big: "10",
    url: "https://a.example/b",
    date: "1970-01-01T00:00:00.000Z",
    set: [1],
    map: { a: 1 },
    bytes: "[3 bytes]",
    error: { name: "UsageError", message: "no", exitCode: 2 },
    not: null,
    self: "[circular]",
  });
});

Deno.test("run: nothing of a secret comes out", async () => {
  const leaky = task({
    name: "leaky",
    description,
    run: async ({ secrets, log, $ }) => {
      const token = secrets.env("KEDGE_TEST_TOKEN");
      log(`got ${token} and ${token.reveal()}`);
      await $`echo ${token.reveal()}`;
      throw new Error(`refused ${token.reveal()}`, { cause: new Error(`by ${token.reveal()}`) });
    },
  });
  using _environment = await environment({ KEDGE_TEST_TOKEN: "hunter2-hunter2" });
  const result = await runTasks([leaky], ["leaky"]);
  const told = JSON.stringify(result);
  assert(!told.includes("hunter2"), told);
  assertStringIncludes(told, "got [secret env KEDGE_TEST_TOKEN] and [redacted]");
});

Deno.test("run: a secret that the task file holds comes out nowhere either", async () => {
  using _environment = await environment({ KEDGE_TEST_HELD: "hunter3-hunter3" });
  const token = secret.env("KEDGE_TEST_HELD");
  const leaky = task({
    name: "leaky",
    description,
    run: ({ log }) => {
      log(`got ${token} and ${token.reveal()}`);
      return { token, value: token.reveal() };
    },
  });
  const result = await runTasks([leaky], ["leaky"]);
  const told = JSON.stringify(result);
  assert(!told.includes("hunter3"), told);
  assertStringIncludes(told, "got [secret env KEDGE_TEST_HELD] and [redacted]");
});

Deno.test("run: names that --refresh and --update name in vain are told, and no others", async () => {
  const used = task({ name: "used", description, run: ({ refresh }) => refreshes(refresh, "url") });
  const warnings = async (...flags: string[]) => {
    const { events } = await runTasks([used], ["used", "--lock=kedge.lock", ...flags]);
    return events.flatMap((each) => each.type === "log" ? [each.message] : []);
  };
  const inVain = (flag: string, offered = '; there were "used" and "url"') =>
    `${flag} names nothing that was used in this run${offered}`;
  assertEquals(await warnings("--refresh=usde", "--update=pin"), [
    inVain("--refresh=usde"),
    inVain("--update=pin", ""),
  ]);
  const other = task({ name: "other", description, run: () => {} });
  const { events } = await runTasks([other], ["other", "--refresh=used"]);
  const [told] = events.flatMap((each) => each.type === "log" ? [each.message] : []);
  assertEquals(told, inVain("--refresh=used", '; there was "other"'));
  assertEquals(await warnings("--refresh=used"), []);
  assertEquals(await warnings("--refresh=url", "--refresh=other"), [inVain("--refresh=other")]);
  assertEquals(await warnings("--refresh", "--update"), []);
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

Deno.test("output: what is no text is told", async () => {
  for (const odd of [{ path: "x" }, 5, [5]]) {
    const output = (() => odd) as unknown as () => string;
    const show = task({ name: "show", description, run: () => {}, output });
    const result = await runTasks([show], ["show"]);
    assertEquals(result.exitCode, 2);
    assertEquals(
      errorOf(result).message,
      'Cannot print the result of "show": its output is no text',
    );
  }
});
