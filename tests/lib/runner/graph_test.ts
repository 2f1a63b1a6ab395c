import { assertEquals, assertStringIncludes } from "@std/assert";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { type AnyTask, task } from "../../../lib/runner/task.ts";
import { description, errorOf, noting, runTasks, valueOf } from "./run_tasks.ts";

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

Deno.test("deps: what is not a task is told, whichever way it was declared", async () => {
  const lost = { build: undefined } as unknown as Record<string, never>;
  const run = () => {};
  for (const deps of [lost, () => lost]) {
    const ship = task({ name: "ship", description, deps, run });
    const result = await runTasks([ship], ["ship"]);
    assertEquals(result.exitCode, 2);
    assertEquals(
      errorOf(result).message,
      'Cannot run "ship": its dependency "build" is not a task',
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

Deno.test("names: what is not a task is refused", async () => {
  for (const odd of [null, undefined, 1, () => {}, {}]) {
    const result = await runTasks([odd as unknown as AnyTask], ["a"]);
    assertEquals(result.exitCode, 2);
    assertStringIncludes(errorOf(result).message, "it was not made by task()");
  }
});

Deno.test("names: a task with a flag of every task file is refused", async () => {
  for (
    const [key, state] of [
      ["dryRun", "--dry-run is one of every task file"],
      ["n", "--n is read as -n, which is --dry-run of every task file"],
    ] as const
  ) {
    const args = { [key]: arg.string({ description }) };
    const bad = task({ name: "a", description, args, run: () => {} });
    const { message } = errorOf(await runTasks([bad], ["a"]));
    assertEquals(message, `Cannot use the task "a": its flag ${state}`);
  }
});
