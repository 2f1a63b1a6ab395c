import { assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { refreshes } from "../../../lib/cache/refresh.ts";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { type AnyTask, task } from "../../../lib/runner/task.ts";
import { description, errorOf, noting, runTasks, states, valueOf } from "./run_tasks.ts";

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
    const together = Promise.withResolvers<void>();
    const deps = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [
        `t${index}`,
        task({
          name: `t${index}`,
          description,
          run: async () => {
            most = Math.max(most, ++now);
            if (now === jobs) together.resolve();
            await together.promise;
            await delay(1);
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
  const begun = Promise.withResolvers<void>();
  const bad = task({
    name: "bad",
    description,
    run: async () => {
      await begun.promise;
      throw new VerificationError("Cannot verify");
    },
  });
  const slow = task({
    name: "slow",
    description,
    run: async ({ signal }) => {
      log.push("slow begins");
      begun.resolve();
      await delay(60_000, { signal });
    },
  });
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
  assertEquals(errorOf(result).message, "2 tasks failed: bad, worse");
});

Deno.test("failure: whatever is thrown is told", async () => {
  const no = "What was thrown is not an error:";
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

Deno.test("output: what is not a text is told", async () => {
  for (const odd of [{ path: "x" }, 5, [5]]) {
    const output = (() => odd) as unknown as () => string;
    const show = task({ name: "show", description, run: () => {}, output });
    const result = await runTasks([show], ["show"]);
    assertEquals(result.exitCode, 2);
    assertEquals(
      errorOf(result).message,
      'Cannot print the result of "show": its output is not a text',
    );
  }
});
