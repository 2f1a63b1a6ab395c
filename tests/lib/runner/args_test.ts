import { assertEquals, assertStringIncludes } from "@std/assert";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { errorOf, runTasks, valueOf } from "./run_tasks.ts";

const show = task({
  name: "show",
  description: "Give the arguments",
  args: {
    from: arg.string({ description: "From where", positional: true, required: true }),
    to: arg.list(arg.string({ description: "Where to" }), { positional: true }),
    count: arg.number({ description: "How many", integer: true, min: 1, max: 9, default: 3 }),
    ratio: arg.number({ description: "What part" }),
    mode: arg.enum(["fast", "safe"], { description: "How", default: "safe" }),
    maxAge: arg.duration({ description: "How old", default: "7d" }),
    chunkSize: arg.bytes({ description: "How large" }),
    file: arg.path({ description: "Which file" }),
    owner: arg.string({ description: "Whose", pattern: /.+=.+/, placeholder: "PATH=OWNER" }),
    disk: arg.path({ description: "Which disk", isFile: true }),
    tag: arg.list(arg.string({ description: "Tags" }), { env: "TAGS" }),
    force: arg.boolean({ description: "Do it anyway" }),
    check: arg.boolean({ description: "Look first", default: true }),
  },
  run: ({ args }) => args,
});

const defaults = { count: 3, mode: "safe", maxAge: 604_800_000, force: false, check: true };

/** What the task gets from a command line. */
async function args(...argv: string[]): Promise<unknown> {
  return valueOf(await runTasks([show], ["show", ...argv], { cwd: "/project" }));
}

/** What is said about a command line that cannot be. */
async function refusal(...argv: string[]): Promise<string> {
  const ran = await runTasks([show], argv);
  assertEquals(ran.exitCode, 2);
  assertEquals(ran.events, []);
  const { name, message, hint } = errorOf(ran);
  assertEquals(name, "UsageError");
  return hint === undefined ? message : `${message}\n${hint}`;
}

Deno.test("args: defaults stand in for what is not given, and what is optional is not there", async () => {
  assertEquals(await args("a"), { from: "a", ...defaults });
});

Deno.test("args: values are read in both ways of writing them", async () => {
  const expected = { from: "a", ...defaults, count: 5, mode: "fast" };
  assertEquals(await args("a", "--count", "5", "--mode", "fast"), expected);
  assertEquals(await args("--count=5", "--mode=fast", "a"), expected);
});

Deno.test("args: a list takes a repeated flag, and all positionals that are left", async () => {
  assertEquals(await args("a", "--tag", "x", "b", "--tag=y", "c"), {
    from: "a",
    to: ["b", "c"],
    ...defaults,
    tag: ["x", "y"],
  });
});

Deno.test("args: what follows -- is never a flag", async () => {
  assertEquals(await args("a", "--", "--force", "-x", "007"), {
    from: "a",
    to: ["--force", "-x", "007"],
    ...defaults,
  });
  assertEquals(await args("--force", "a", "--", "--no-force", "--force=x"), {
    from: "a",
    to: ["--no-force", "--force=x"],
    ...defaults,
    force: true,
  });
});

Deno.test("args: a text that looks like a number stays a text", async () => {
  assertEquals(await args("007", "1e3", "--tag", "0x10"), {
    from: "007",
    to: ["1e3"],
    ...defaults,
    tag: ["0x10"],
  });
});

Deno.test("args: a switch is turned on and off", async () => {
  assertEquals(await args("a", "--force", "--no-check"), {
    from: "a",
    ...defaults,
    force: true,
    check: false,
  });
});

Deno.test("args: durations are milliseconds, sizes bytes, paths absolute", async () => {
  assertEquals(
    await args("a", "--max-age", "1h30m", "--chunk-size", "64KiB", "--file", "./x/../y"),
    { from: "a", ...defaults, maxAge: 5_400_000, chunkSize: 65_536, file: "/project/y" },
  );
});

Deno.test("args: a path may end in a separator, unless it names a file", async () => {
  const paths = { disk: "/project/vm.img", file: "/project/y" };
  assertEquals(await args("a", "--disk", "vm.img", "--file", "y/"), {
    from: "a",
    ...defaults,
    ...paths,
  });
});

Deno.test("args: a value after = may begin with a dash", async () => {
  assertEquals(await args("a", "--ratio=-0.5"), { from: "a", ...defaults, ratio: -0.5 });
});

Deno.test("args: the environment stands in for a flag", async () => {
  const env = (name: string) =>
    ({ TAGS: "x, y", KEDGE_CACHE_DIR: "/nowhere" } as Record<string, string>)[name];
  const ran = await runTasks([show], ["show", "a", "--dry-run"], { env });
  assertEquals((valueOf(ran) as { tag: string[] }).tag, ["x", "y"]);
  const given = await runTasks([show], ["show", "a", "--tag", "z", "--dry-run"], { env });
  assertEquals((valueOf(given) as { tag: string[] }).tag, ["z"]);
});

for (
  const [argv, message] of [
    [["show"], "Cannot run without FROM: it must be given\nFrom where"],
    [
      ["show", "a", "--count", "0"],
      'Cannot use "0" for --count: it is not a whole number from 1 to 9',
    ],
    [["show", "a", "--count", "2.5"], "Cannot use 2.5 for --count: it is not a whole number"],
    [["show", "a", "--count", "many"], 'Cannot use "many" for --count: it is not a number'],
    [["show", "a", "--count"], "Cannot read --count: its value is missing"],
    [["show", "a", "--count", "--force"], "Cannot read --count: its value is missing"],
    [["show", "a", "--mode", "quick"], 'Cannot use "quick" for --mode: it is none of fast, safe'],
    [
      ["show", "a", "--disk", "vm/"],
      'Cannot use "vm/" for --disk: it ends as the path of a folder does',
    ],
    [["show", "a", "--max-age", "soon"], 'Cannot use "soon" for --max-age: it is not a duration'],
    [["show", "a", "--chunk-size", "-1"], "Cannot read --chunk-size: its value is missing"],
    [
      ["show", "a", "--chunk-size=-1"],
      'Cannot use "-1" for --chunk-size: it is not a number of bytes',
    ],
    [["show", "a", "--force=maybe"], 'Cannot read "--force=maybe": it takes no value'],
    [
      ["show", "a", "--forse"],
      'Cannot use "--forse": there is no such flag\ndid you mean --force?',
    ],
    [
      ["show", "a", "--max-agee=3d"],
      'Cannot use "--max-agee": there is no such flag\ndid you mean --max-age?',
    ],
    [
      ["show", "a", "--zzzzzzz"],
      'Cannot use "--zzzzzzz": there is no such flag\n--help shows the flags',
    ],
    [["shwo", "a"], 'Cannot run "shwo": there is no such task\ndid you mean "show"?'],
    [["other"], 'Cannot run "other": there is no such task\n--list shows the tasks'],
    [["show", "a", "b", "--owner", "me"], 'Cannot use "me" for --owner: it is not PATH=OWNER'],
    [
      ["--count", "3", "show", "a"],
      'Cannot use "--count" here: it is a flag of "show"\nwrite it after the task\'s name',
    ],
    [
      ["--count"],
      'Cannot use "--count" here: it is a flag of "show"\nwrite it after the task\'s name',
    ],
    [
      ["--jobs", "0", "show", "a"],
      'Cannot use "0" for --jobs: it is not a whole number from 1 to 1024',
    ],
    [["-jx", "show", "a"], 'Cannot use "x" for --jobs: it is not a number'],
    [["show", "a", "-nj4x"], 'Cannot use "4x" for --jobs: it is not a number'],
    [["show", "a", "-nj=x"], 'Cannot use "x" for --jobs: it is not a number'],
    [["show", "a", "-jn"], 'Cannot use "n" for --jobs: it is not a number'],
    [["show", "a", "-j"], "Cannot read --jobs: its value is missing"],
    [["show", "a", "--offline", "--refresh"], "Cannot refresh offline"],
    [["show", "a", "--offline", "--update"], "Cannot update offline"],
    [["show", "a", "--no-cache", "--cache-dir", "x"], "Cannot use --cache-dir with --no-cache"],
  ] as const
) {
  Deno.test(`args: "${argv.join(" ")}" is refused before anything runs`, async () => {
    assertStringIncludes(await refusal(...argv), message);
  });
}

Deno.test("args: all that is missing is told at once", async () => {
  const send = task({
    name: "send",
    description: "Send something",
    args: {
      file: arg.path({ description: "Which file", positional: true, required: true }),
      to: arg.list(arg.string({ description: "Where to" }), { required: true }),
      by: arg.string({ description: "By what", required: true }),
      with: arg.string({ description: "With what" }),
    },
    run: ({ args }) => args,
  });
  const said = async (...argv: string[]) => errorOf(await runTasks([send], ["send", ...argv]));
  const missing = await said();
  assertEquals(missing.message, "Cannot run without FILE, --to and --by: they must be given");
  assertEquals(missing.hint, "send --help tells of each");
  assertEquals((await said("x", "--to", "y")).hint, "By what");
});

Deno.test("args: a text for which there is no argument is told with what is taken", async () => {
  const plain = task({ name: "plain", description: "Take nothing", run: () => {} });
  const { message, hint } = errorOf(await runTasks([plain], ["plain", "more"]));
  assertEquals(message, 'Cannot use "more": the task takes no further argument');
  assertEquals(hint, "plain --help shows what it takes");
});

Deno.test("args: flags of every task file stand before and after the task", async () => {
  for (
    const argv of [["--dry-run", "show", "a"], ["show", "--dry-run", "a"], ["show", "a", "-n"]]
  ) {
    const ran = await runTasks([show], argv);
    const start = ran.events.find((event) => event.type === "run-start");
    assertEquals(start?.dryRun, true);
  }
});

Deno.test("args: --refresh takes a name only with =", async () => {
  const look = task({
    name: "look",
    description: "Give what is to be refreshed",
    args: { what: arg.string({ description: "A word", positional: true }) },
    run: ({ args, refresh }) => ({ ...args, refresh }),
  });
  const value = async (...argv: string[]) => valueOf(await runTasks([look], ["look", ...argv]));
  assertEquals(await value("--refresh", "word"), { what: "word", refresh: "all" });
  assertEquals(await value("--refresh=a", "--refresh=b"), { refresh: ["a", "b"] });
  assertEquals(await value(), { refresh: "none" });
});
