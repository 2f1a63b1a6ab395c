/** What `--help` and `--list` say. */
import { assertEquals, assertMatch } from "@std/assert";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { task } from "../../../lib/runner/task.ts";
import { runTasks } from "./run_tasks.ts";

const plain = (name: string, group?: string) =>
  task({ name, description: `Do ${name}`, ...(group === undefined ? {} : { group }), run() {} });

/** What is printed instead of a run. */
async function printed(...argv: string[]): Promise<string> {
  const ran = await runTasks([plain("build", "all day"), plain("ship")], argv);
  return ran.printed.join("\n");
}

Deno.test("--list sets tasks of no group apart from the groups before them", async () => {
  assertEquals(
    await printed("--list"),
    `all day:
  build        Do build

ship         Do ship
permissions  Print the Deno permissions that tasks use, for deno.json`,
  );
});

Deno.test("--help names the lockfile that is used without --lock", async () => {
  const lock = async (host: { project?: string; lockfile?: string }) => {
    const ran = await runTasks([plain("ship")], ["--help"], host);
    return /--lock FILE +(.*)/.exec(ran.printed[0]!)?.[1];
  };
  const project = "/project";
  assertEquals(await lock({ project }), "The lockfile (default: none)");
  assertEquals(
    await lock({ project, lockfile: "/project/kedge.lock" }),
    "The lockfile (default: kedge.lock beside the task file)",
  );
  assertEquals(
    await lock({ project, lockfile: "/etc/pins" }),
    "The lockfile (default: /etc/pins)",
  );
});

Deno.test("--help says all of a flag's value in one pair of brackets", async () => {
  assertMatch(await printed("--help"), /--jobs N +[^(]+\([^)(]+; env: DENO_JOBS\)$/m);
});

Deno.test("--help of a task shows the form of each value of a list", async () => {
  const pair = arg.string({ description: "A pair", placeholder: "KEY=VALUE" });
  const sets = task({
    name: "sets",
    description: "Set",
    args: { option: arg.list(pair, { description: "An option" }) },
    run() {},
  });
  const { printed } = await runTasks([sets], ["sets", "--help"]);
  assertMatch(printed[0]!, /^ {2}--option KEY=VALUE\.\.\. {2}An option$/m);
});

Deno.test("--help of a task shows which of its words is a list, and which is one", async () => {
  const words = { positional: true as const };
  const pack = task({
    name: "pack",
    description: "Pack",
    args: {
      to: arg.string({ description: "A place", required: true, ...words }),
      path: arg.list(arg.string({ description: "A path" }), { description: "Paths", ...words }),
    },
    run() {},
  });
  const { printed } = await runTasks([pack], ["pack", "--help"]);
  assertMatch(printed[0]!, /^ {2}TO +A place/m);
  assertMatch(printed[0]!, /^ {2}PATH\.\.\. +Paths/m);
});

Deno.test("--help of a task lists its flags under their headings, with the defaults that the task chooses", async () => {
  const registry = arg.string({ description: "A host", placeholder: "HOST", group: "Registry" });
  const push = task({
    name: "push",
    description: "Push",
    args: {
      level: arg.number({ description: "How hard", defaultText: "3 for zstd, 6 for xz" }),
      insecure: arg.list(registry),
      force: arg.boolean({ description: "Do it anyway" }),
    },
    run() {},
  });
  const { printed } = await runTasks([push], ["push", "--help"]);
  assertEquals(
    printed[0],
    `Push

Usage: tasks.ts push [flags]

Flags:
  --level N  How hard (default: 3 for zstd, 6 for xz)
  --force    Do it anyway

Registry:
  --insecure HOST...  A host

Run "tasks.ts --help" for the flags of every task, such as --dry-run.`,
  );
});
