/** The module run as a program: the built-in task file. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { assertSnapshot } from "@std/testing";
import { builtinTasks } from "../tasks/builtin/mod.ts";
import { type ProgramResult, runKedge } from "./support/program.ts";
import { realTest } from "./support/real.ts";
import { onTerminal } from "./support/terminal.ts";

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

Deno.test("--help is what it was", async (t) => {
  await assertSnapshot(t, (await kedge("--help")).stdout);
});

Deno.test("an unknown task ends with 2, names the nearest, and prints nothing on standard output", async () => {
  const { code, stdout, stderr } = await kedge("image:sink");
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, "image:sync");
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

realTest("--completions bash completes tasks, flags and their values in a real bash", [
  "bash",
  "script",
], async () => {
  const dir = await Deno.makeTempDir();
  const { stdout: script } = await kedge("--completions", "bash");
  await Deno.writeTextFile(join(dir, "comp.bash"), script);
  await Deno.writeTextFile(join(dir, "kedge"), '#!/bin/sh\nfor word; do echo "<$word>"; done\n', {
    mode: 0o755,
  });
  const bash = onTerminal("", [], {
    columns: 200,
    cwd: dir,
    env: { PATH: `${dir}:${Deno.env.get("PATH")}`, PS1: "", HISTFILE: "" },
    command: ["bash", "--norc", "-i"],
  });
  await bash.type("bind 'set bell-style none'; . ./comp.bash; PS1=; echo ready\n");
  await bash.until(/^ready/m);
  const lines = [
    ["kedge permi\t kex\t", "permissions", "kex"],
    ["kedge publish:k\t", "publish:keygen"],
    ["kedge kexec --sha\t", "kexec", "--sha256"],
    ["kedge kexec --arch aa\t", "kexec", "--arch", "aarch64-linux"],
    ["kedge kexec --arch=aa\t", "kexec", "--arch=aarch64-linux"],
    ["kedge --progress=pl\tkex\t", "--progress=plain", "kexec"],
    ["kedge --jobs 3 disk:pu\tsh comp\t", "--jobs", "3", "disk:push", "comp.bash"],
  ] as const;
  for (const [index, [typed, ...words]] of lines.entries()) {
    await bash.type(`${typed}\necho end ${index}\n`);
    await bash.until(new RegExp(`^end ${index}\\r?$`, "m"));
    const answer = bash.written().split(`end ${index - 1}`).at(-1)!;
    const given = [...answer.matchAll(/^<(.*)>\r?$/gm)].map(([, word]) => word);
    assertEquals(given, words, typed);
  }
  await bash.type("exit\n");
  assertEquals(await bash.code, 0);
  await Deno.remove(dir, { recursive: true });
});
