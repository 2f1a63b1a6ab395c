/** What a task file tells whose tasks cannot be declared, before its main() is reached. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { jsonLines, withFolder } from "../../support/main_program.ts";
import { runKedge } from "../../support/program.ts";

const module = new URL("../../../mod.ts", import.meta.url).href;

/** Runs a task file of these lines, behind one that imports kedge. */
async function ran(dir: string, lines: readonly string[], ...args: string[]) {
  const program = join(dir, "tasks.ts");
  const head = `import { arg, main, task } from ${JSON.stringify(module)};`;
  await Deno.writeTextFile(program, [head, ...lines].join("\n"));
  return await runKedge(args, { cacheDir: join(dir, "cache"), program });
}

const declarations = [
  [`task({ name: "a b", description: "x", run() {} });`, 'Cannot declare the task "a b": ', 2],
  [`task({ name: "a", description: "x", runs() {} });`, 'Cannot declare the task "a": ', 1],
  [`task();`, "Cannot declare a task: its options must be an object", 1],
  [`arg.duration({ description: "x", default: "5x" });`, 'Cannot read the duration "5x": ', 2],
  [`arg.string("x");`, "Cannot declare an argument: its options must be an object", 1],
  [`arg.enum("x", { description: "x" });`, "Cannot declare an argument: its values must be", 1],
  [`arg.list();`, "Cannot declare an argument: its items must be", 1],
] as const;

for (const [line, words, most] of declarations) {
  Deno.test(`a task file with ${line} ends as by wrong usage, and tells its line`, async () => {
    await withFolder(async (dir) => {
      const { code, stdout, stderr } = await ran(dir, ["", line, "await main({});"], "--list");
      assertEquals([code, stdout], [2, ""], stderr);
      const [error = "", at, ...hints] = stderr.trimEnd().split("\n");
      assertMatch(error, new RegExp(`^error: ${words}`));
      assertMatch(at ?? "", new RegExp(`^at: ${dir}/tasks\\.ts:3:\\d+$`));
      assertEquals(hints.length < most && hints.every((hint) => hint.startsWith("hint: ")), true);
    });
  });
}

Deno.test("a task file whose tasks cannot be declared ends with a result as --json asks for", async () => {
  await withFolder(async (dir) => {
    const line = `await 0; task({ name: "a", description: "", run() {} });`;
    const { code, stdout, stderr } = await ran(dir, [line, "await main({});"], "--json");
    assertEquals([code, stderr], [2, ""]);
    const [result, ...more] = jsonLines(stdout);
    assertEquals([result!["type"], result!["task"], result!["ok"], more], [
      "result",
      null,
      false,
      [],
    ]);
    const { message, exitCode, at } = result!["error"] as Record<string, unknown>;
    assertEquals([message, exitCode], ['Cannot declare the task "a": it has no description', 2]);
    assertMatch(String(at), /tasks\.ts:2:\d+$/);
  });
});

Deno.test("a task file may catch what task() throws, and what else it throws is Deno's to tell", async () => {
  await withFolder(async (dir) => {
    const caught = `try { task({ name: "" }); } catch (error) { console.log(error.name); }`;
    assertEquals((await ran(dir, [caught])).stdout, "UsageError\n");
    const { code, stderr } = await ran(dir, [`throw new Error("of its own");`]);
    assertEquals(code, 1);
    assertMatch(stderr, /Uncaught[^\n]*of its own/);
  });
});
