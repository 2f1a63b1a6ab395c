/** What the program of a task file prints with --json. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { jsonLines, run } from "../../support/main_program.ts";

Deno.test("main() with --json prints the events and last the result, one object a line", async () => {
  const { code, stdout, stderr } = await run(["moved", "--json"]);
  const lines = jsonLines(stdout);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(lines.map((line) => line["type"]), [
    "run-start",
    "task-start",
    "task-end",
    "run-end",
    "result",
  ]);
  assertEquals(lines.at(-1), {
    type: "result",
    task: "moved",
    ok: true,
    value: {
      path: "/store/a",
      changed: true,
      bytesMoved: 3_145_728,
      bytesReused: 512,
      requests: 2,
      why: "the manifest is new",
      dryRun: false,
    },
  });
});

Deno.test("main() with --json prints help and lists as objects too", async () => {
  for (const args of [["--help"], ["moved", "--help"], ["--list"], ["both", "--graph"]]) {
    const { code, stdout } = await run([...args, "--json"]);
    assertEquals(code, 0);
    assert(jsonLines(stdout).length > 0);
  }
  assertStringIncludes((await run(["--help"])).stdout, "--refresh[=NAME]...");
});

Deno.test("main() with --json prints an error as data", async () => {
  const failed = await run(["fails", "--json"]);
  assertEquals([failed.code, failed.stderr], [1, ""]);
  assertEquals(jsonLines(failed.stdout).at(-1), {
    type: "result",
    task: "fails",
    ok: false,
    error: {
      name: "ShellError",
      message: 'Cannot run `sh -c "echo what went wrong >&2; exit 3"`: exited with code: 3',
      exitCode: 1,
    },
  });
  const unknown = await run(["nothing", "--json"]);
  assertEquals(unknown.code, 2);
  const [only] = jsonLines(unknown.stdout);
  assertEquals([only!["type"], only!["task"], only!["ok"]], ["result", null, false]);
});
