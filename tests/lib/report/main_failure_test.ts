/**
 * What a task file's program makes of output that cannot be written, and of failures that nobody handles.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runKedge, spawnKedge } from "../../support/program.ts";
import { jsonLines, program, run, withFolder } from "../../support/main_program.ts";

Deno.test({
  name: "main() exits with 8 where the disk that its output goes to is full",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const redirect of [">/dev/full", "2>/dev/full"]) {
      const { code } = await run(["moved"], { redirect });
      assertEquals([redirect, code], [redirect, 8]);
    }
  },
});

Deno.test({
  name:
    "main() exits with the code of what failed, though the disk that its output goes to is full",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (
      const [args, code] of [[["fails"], 1], [["nosuch"], 2], [["odd", "--nosuch"], 2]] as const
    ) {
      for (const redirect of [">/dev/full", "2>/dev/full", ">/dev/full 2>&1"]) {
        for (const more of [[], ["--json"]]) {
          const ran = await run([...args, ...more], { redirect });
          assertEquals([args, redirect, more, ran.code], [args, redirect, more, code]);
        }
      }
    }
  },
});

Deno.test({
  name:
    "main() says that the disk is full where results were lost, and what ran went on to its end",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const more of [[], ["--json"]]) {
      const { code, stderr } = await run(["moved", ...more], { redirect: ">/dev/full" });
      assertEquals(code, 8);
      assertStringIncludes(stderr, "error: Cannot write to standard output: No space left");
    }
    const { code, stdout } = await run(["both", "--json"], { redirect: "2>/dev/full" });
    assertEquals([code, jsonLines(stdout).at(-1)?.["ok"]], [0, true]);
  },
});

Deno.test("main() fails when a promise is rejected and nobody handles it", async () => {
  const { code, stderr } = await run(["strays"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, 'Cannot go on: nobody handled "astray"');
});

Deno.test("main() tells what cannot be told as an event, and does not end well", async () => {
  const { code, stdout } = await run(["odder", "--json"]);
  const [end, result] = jsonLines(stdout).slice(-2);
  assertEquals(code, 1);
  assertEquals([end!["type"], end!["ok"], end!["exitCode"]], ["run-end", false, 1]);
  assertEquals([result!["type"], result!["ok"]], ["result", false]);
});

Deno.test("main() does not end well where not even the run can be made", async () => {
  await withFolder(async (dir) => {
    const file = join(dir, "tasks.ts");
    const module = new URL("../../../lib/report/main.ts", import.meta.url).href;
    await Deno.writeTextFile(
      file,
      `import { main } from ${JSON.stringify(module)};
       Deno.cwd = () => { throw new Deno.errors.NotFound("no folder\x07"); };
       await main({});`,
    );
    const { code, stderr } = await runKedge(["--list"], { cacheDir: dir, program: file });
    assertEquals([code, stderr], [1, "error: no folder\\x07\n"]);
  });
});

Deno.test("main() ends quietly when its reader goes away", async () => {
  for (const args of [["--list"], ["says", "--json", "--count", "20000"], ["moved"]]) {
    await withFolder(async (cacheDir) => {
      const child = spawnKedge(args, { cacheDir, program });
      await child.stdout.cancel();
      const { code, stderr } = await child.output().catch(async () => ({
        code: (await child.status).code,
        stderr: new Uint8Array(),
      }));
      assertEquals([code, new TextDecoder().decode(stderr).includes("rror")], [0, false]);
    });
  }
});
