/** What the tasks of a fan-out are called. */
import { assertEquals } from "@std/assert";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { runTasks } from "./run_tasks.ts";

const install = task({
  name: "install",
  description: "Install a host",
  args: { host: arg.string({ description: "Which", required: true }) },
  run: ({ args }) => args.host,
});
const inside = task({
  name: "inside",
  description: "Install hosts from inside",
  run: ({ run }) => Promise.all(["a", "b"].map((host) => run(install, { host }))),
});
const before = task({
  name: "before",
  description: "Install hosts before",
  deps: { a: install.with({ host: "a" }), b: install.with({ host: "b" }) },
  run: () => {},
});

Deno.test("the tasks of a fan-out are each called by what they were given, the first one too", async () => {
  for (const task of [inside, before]) {
    const { events } = await runTasks([task], [task.name]);
    const ended = events.flatMap((event) => event.type === "task-end" ? [event.task] : []);
    assertEquals(ended.sort(), [task.name, "install host=a", "install host=b"].sort());
  }
});

Deno.test("the tasks of a fan-out are called so, too, where they need not be given anything", async () => {
  const check = task({
    name: "check",
    description: "Check a host",
    args: { host: arg.string({ description: "Which", default: "here" }) },
    run: () => {},
  });
  const all = task({
    name: "all",
    description: "Check hosts",
    deps: { a: check.with({ host: "a" }), b: check.with({ host: "b" }), here: check },
    run: () => {},
  });
  const { events } = await runTasks([all], ["all"]);
  const ended = events.flatMap((event) => event.type === "task-end" ? [event.task] : []);
  assertEquals(ended.sort(), ["all", "check", "check host=a", "check host=b"]);
});

Deno.test("the task that was asked for is called by its name alone", async () => {
  const { events } = await runTasks([install], ["install", "--host=a"]);
  const ended = events.flatMap((event) => event.type === "task-end" ? [event.task] : []);
  assertEquals(ended, ["install"]);
});
