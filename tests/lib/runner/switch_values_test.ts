/** What is made of a value that is given to a switch, and of the opposite of a flag that is none. */
import { assertEquals } from "@std/assert";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { errorOf, runTasks, valueOf } from "./run_tasks.ts";

const look = task({
  name: "look",
  description: "Give the arguments",
  args: {
    from: arg.string({ description: "First", positional: true }),
    more: arg.list(arg.string({ description: "More", positional: true })),
    force: arg.boolean({ description: "Do it anyway" }),
    noProxy: arg.string({ description: "What is reached without one" }),
  },
  run: ({ args, dryRun }) => ({ ...args, dryRun }),
});

const given = async (...argv: string[]) => valueOf(await runTasks([look], argv));

for (
  const [argv, message, hint] of [
    [["look", "--force=x=true"], 'Cannot read "--force=x=true": it takes no value'],
    [["look", "--force="], 'Cannot read "--force=": it takes no value'],
    [["look", "--no-force=true"], 'Cannot read "--no-force=true": it takes no value'],
    [["--no-dry-run=x", "look"], 'Cannot read "--no-dry-run=x": it takes no value'],
    [["-n=true", "look"], 'Cannot read "-n=true": it takes no value'],
    [["look", "-vn=false"], 'Cannot read "-vn=false": it takes no value'],
    [["look", "--no-cache=x"], 'Cannot read "--no-cache=x": it takes no value'],
    [["-n5", "look"], 'Cannot use "-n5": there is no such flag', "--help shows the flags"],
    [["look", "-vnx"], 'Cannot use "-vnx": there is no such flag', "--help shows the flags"],
    [
      ["look", "--no-jobs=5"],
      'Cannot use "--no-jobs": there is no such flag',
      "did you mean --jobs?",
    ],
  ] as const
) {
  Deno.test(`args: a switch takes no value, and no other flag has an opposite: ${argv.join(" ")}`, async () => {
    const ran = await runTasks([look], argv);
    assertEquals(ran.exitCode, 2);
    assertEquals(ran.events, []);
    const error = errorOf(ran);
    const flag = /force|dry-run|cache/.exec(argv.join())?.[0] ?? "dry-run";
    const name = flag === "cache" ? "no-cache" : flag;
    assertEquals([error.message, error.hint], [message, hint ?? `write --${name} or --no-${name}`]);
  });
}

Deno.test("args: a switch may be told true or false, one that begins with no- as well", async () => {
  const defaults = { from: "a", force: false, dryRun: false };
  assertEquals(await given("look", "a", "--force=true"), { ...defaults, force: true });
  assertEquals(await given("look", "a", "--force", "--force=false"), defaults);
  assertEquals(await given("look", "a", "--no-cache=true"), defaults);
  const both = await runTasks([look], ["look", "a", "--cache-dir=b", "--no-cache=true"]);
  assertEquals(errorOf(both).message.startsWith("Cannot use --cache-dir with --no-cache"), true);
  assertEquals(await given("look", "a", "--cache-dir=b", "--no-cache=false"), defaults);
});

Deno.test("args: a flag that begins with no- takes its value either way", async () => {
  const expected = { from: "a", force: false, noProxy: "b=c", dryRun: false };
  assertEquals(await given("look", "a", "--no-proxy=b=c"), expected);
  assertEquals(await given("look", "a", "--no-proxy", "b=c"), expected);
});

Deno.test("args: letters in one behind the task's name are its flags, also where others stand before it", async () => {
  const expected = { from: "a", more: ["b"], force: false, dryRun: true };
  assertEquals(await given("-v", "look", "a", "b", "-nj3"), expected);
  assertEquals(await given("look", "a", "-nj3", "--", "b"), expected);
  assertEquals(await given("-vj2", "look", "-nj2", "--", "a", "b"), expected);
  assertEquals(await given("-nj2", "--", "look", "a", "b"), expected);
});
