/** An argument whose reader is the user's own. */
import { assertEquals } from "@std/assert";
import type { Arg } from "../../../lib/runner/arg.ts";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { errorOf, runTasks, valueOf } from "./run_tasks.ts";

type Version = readonly [major: number, minor: number];

const { default: _, ...text } = arg.string({ description: "A version", env: "WANTED" });
const version: Arg<Version, "optional"> = {
  ...text,
  presence: "optional",
  parse: (text) => {
    const [, major, minor] = /^(\d+)\.(\d+)$/.exec(text) ?? [];
    if (major === undefined || minor === undefined) throw new Error("it is not MAJOR.MINOR");
    return [Number(major), Number(minor)];
  },
  check: (value) => value as Version,
};
const show = task({
  name: "show",
  description: "Show a version",
  args: { wanted: version, others: arg.list(version) },
  run: ({ args }) => args,
});

Deno.test("args: what a reader of the user's own gives is what the task gets", async () => {
  const result = await runTasks([show], ["show", "--wanted=1.2", "--others=3.4", "--others=5.6"]);
  assertEquals(valueOf(result), { wanted: [1, 2], others: [[3, 4], [5, 6]] });
});

Deno.test("args: what a reader of the user's own throws is a bad value, told with its flag", async () => {
  for (
    const [argv, shown] of [
      [["--wanted=1.x"], '"1.x" for --wanted'],
      [["--others=3.4", "--others=5"], '"3.4" and "5" for --others'],
    ] as const
  ) {
    const result = await runTasks([show], ["show", ...argv]);
    assertEquals(result.exitCode, 2);
    assertEquals(errorOf(result).message, `Cannot use ${shown}: it is not MAJOR.MINOR`);
  }
});
