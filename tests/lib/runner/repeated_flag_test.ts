import { assertEquals } from "@std/assert";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { errorOf, runTasks, valueOf } from "./run_tasks.ts";

const look = task({
  name: "look",
  description: "Give the arguments",
  args: {
    tags: arg.string({ description: "Which tags" }),
    count: arg.number({ description: "How many" }),
    mode: arg.enum(["fast", "safe"], { description: "How" }),
    maxAge: arg.duration({ description: "How old" }),
    file: arg.path({ description: "Which file" }),
    force: arg.boolean({ description: "Do it anyway" }),
    tag: arg.list(arg.string({ description: "Tags" })),
  },
  run: ({ args, refresh }) => ({ ...args, refresh }),
});

for (
  const [argv, values, flag] of [
    [["look", "--tags", "A", "--tags", "B"], '"A" and "B"', "--tags"],
    [["look", "--tags=A", "--tags=B", "--tags=A"], '"A" and "B"', "--tags"],
    [["look", "--count", "4", "--count=5"], '"4" and "5"', "--count"],
    [["look", "--mode=fast", "--mode=safe"], '"fast" and "safe"', "--mode"],
    [["look", "--max-age=1d", "--max-age=2d"], '"1d" and "2d"', "--max-age"],
    [["look", "--file", "a", "--file", "b"], '"a" and "b"', "--file"],
    [["look", "-j2", "--jobs", "3"], '"2" and "3"', "--jobs"],
    [["--jobs", "2", "look", "-j3"], '"2" and "3"', "--jobs"],
    [["look", "--progress=bar", "--progress=plain"], '"bar" and "plain"', "--progress"],
  ] as const
) {
  Deno.test(`args: two values of a flag that takes one are refused: ${argv.join(" ")}`, async () => {
    const ran = await runTasks([look], argv);
    assertEquals(ran.exitCode, 2);
    assertEquals(ran.events, []);
    const { message, hint } = errorOf(ran);
    assertEquals(message, `Cannot use ${values} for ${flag}: it takes one value`);
    assertEquals(hint, "give the flag once");
  });
}

Deno.test("args: a flag that says the same again, and a switch that takes itself back, are no error", async () => {
  const ran = await runTasks([look], [
    ...["--jobs=2", "look", "-j2", "--count", "4", "--count=4"],
    ...["--force", "--no-force", "--tag=x", "--tag=x"],
  ]);
  assertEquals(valueOf(ran), { count: 4, force: false, tag: ["x", "x"], refresh: "none" });
});

Deno.test("args: a list has all that is said before and after the task's name", async () => {
  const ran = await runTasks([look], ["--refresh=a", "look", "--refresh=b", "--refresh=c"]);
  assertEquals(valueOf(ran), { force: false, refresh: ["a", "b", "c"] });
});
