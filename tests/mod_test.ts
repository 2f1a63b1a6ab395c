/** The module run as a program: the built-in task file. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { assertSnapshot } from "@std/testing";
import { parseCommandLine } from "../lib/runner/command_line.ts";
import { helpOfTask } from "../lib/runner/help.ts";
import type { AnyTask } from "../lib/runner/task.ts";
import { collectTasks } from "../lib/runner/task_file.ts";
import { askedTasks } from "../tasks/builtin/asked_tasks.ts";
import { builtinTasks } from "../tasks/builtin/mod.ts";
import { type ProgramResult, runKedge } from "./support/program.ts";

async function kedge(...args: string[]): Promise<ProgramResult> {
  const cacheDir = await Deno.makeTempDir();
  try {
    return await runKedge(args, { cacheDir });
  } finally {
    await Deno.remove(cacheDir, { recursive: true });
  }
}

const names = Object.values(builtinTasks).map((task) => task.name);

Deno.test("--list names every built-in task, and each explains itself", async () => {
  const { code, stdout } = await kedge("--list");
  assertEquals(code, 0);
  for (const name of names) assertMatch(stdout, new RegExp(`^ *${name} +\\S`, "m"));
  for (const name of names) {
    const help = await kedge(name, "--help");
    assertEquals(help.code, 0);
    assertStringIncludes(help.stdout, name);
  }
});

Deno.test("the example of a task's help is a command that the task takes", () => {
  const tasks = collectTasks(builtinTasks);
  const sources = { env: () => undefined, cwd: "/" };
  for (const task of Object.values(builtinTasks)) {
    const [, example] = /\nExample:\n {2}kedge (.*)$/.exec(helpOfTask(task, "kedge")) ?? [];
    if (example === undefined) continue;
    assertMatch(example, /^[\w@:/.# -]+$/, "a shell takes it as it is");
    assertEquals(parseCommandLine(tasks, example.split(" "), sources).task?.name, task.name);
  }
});

Deno.test("--version alone tells the version that deno.json has", async () => {
  const { default: config } = await import("../deno.json", { with: { type: "json" } });
  const { code, stdout, stderr } = await kedge("--version");
  assertEquals([code, stdout, stderr], [0, `kedge ${config.version}\n`, ""]);
});

Deno.test("--help is what it was", async (t) => {
  await assertSnapshot(t, (await kedge("--help")).stdout);
});

Deno.test("an unknown task ends with 2, names the nearest, and prints nothing on standard output", async () => {
  const { code, stdout, stderr } = await kedge("image:sink");
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, "image:sync");
});

Deno.test("a built-in task that is named is declared as in the list of all, with few others", async () => {
  const shape = ({ name, description, args }: AnyTask) =>
    JSON.stringify({ name, description, args });
  for (const task of Object.values(builtinTasks)) {
    const asked = Object.values(await askedTasks(["--quiet", task.name, "--json"]));
    assertEquals(asked.filter(({ name }) => name === task.name).map(shape), [shape(task)]);
    assertEquals(asked.length < 8, true, task.name);
  }
  const all = Object.values(builtinTasks).map(shape).sort();
  const words = [[], ["kexce"], ["kexec", "--help"], ["-vl", "kexec"], ["permissions", "kexec"]];
  for (const each of [...words, ["--completions=bash", "kexec"]]) {
    assertEquals(Object.values(await askedTasks(each)).map(shape).sort(), all, each.join(" "));
  }
});

Deno.test("--graph gives data that programs read", async () => {
  const json = await kedge("kexec", "--graph=json");
  assertEquals(JSON.parse(json.stdout), {
    nodes: [{ id: 0, label: "kexec", task: "kexec" }],
    edges: [],
  });
  assertMatch((await kedge("kexec", "--graph=mermaid")).stdout, /^graph TD\n\s+n0\["kexec"\]\n$/);
  assertMatch((await kedge("kexec", "--graph=dot")).stdout, /^digraph tasks \{[^]*\}\n$/);
});
