/** What the program of a task file prints, and where. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { run } from "../../support/main_program.ts";

/** The lines without what differs from run to run: times, and columns that are as wide as those. */
function steady(text: string): string {
  return text.replace(/\b\d+(\.\d+)?(ms|s)\b */g, "TIME ").replace(/ +$/gm, "")
    .replace(/^(task .*? time) +/gm, "$1  ");
}

Deno.test("main() prints results on standard output and all else on standard error", async () => {
  const { code, stdout, stderr } = await run(["moved"]);
  assertEquals([code, stdout], [0, "/store/a\n"]);
  assertEquals(
    steady(stderr),
    [
      "[moved] done in TIME",
      "task   state  time  moved  reused  why",
      "moved  done   TIME 3 MiB  512 B   the manifest is new",
      "in TIME : 3 MiB moved, 512 B reused",
      "",
    ].join("\n").replace("TIME :", "TIME :"),
  );
});

Deno.test("main() tells the tasks, their flags and their arguments", async () => {
  assertStringIncludes((await run(["--list"])).stdout, "moved        A task of the tests\n");
  const { stdout } = await run(["moved", "--help"]);
  assertEquals(
    stdout,
    "A task of the tests\n\nUsage: tasks.ts moved [flags]\n\nFlags:\n  --name TEXT  A task of the tests (default: a)\n\n" +
      'Run "tasks.ts --help" for the flags of every task, such as --dry-run.\n',
  );
  const bare = await run([]);
  assertEquals(bare.code, 0);
  assertStringIncludes(bare.stdout, "  -n, --dry-run ");
  assertStringIncludes(bare.stdout, "  -j, --jobs N ");
  assertStringIncludes(bare.stdout, "Usage: tasks.ts [flags] <task>");
});

Deno.test("main() knows --version where it was given one, and not otherwise", async () => {
  const { code, stdout, stderr } = await run(["--version"]);
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, "--version");
  assert(!(await run(["--help"])).stdout.includes("--version"));
});

Deno.test("main() shows the output of a failed task again at the end", async () => {
  const { code, stderr } = await run(["fails"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "[says] line 1\n[says] line 2\n");
  assertStringIncludes(stderr, "[fails] what went wrong\n");
  assertStringIncludes(stderr, "--- fails: last output\nwhat went wrong\n");
  assertMatch(stderr, /error: Cannot run `sh .*\n$/);
});

Deno.test("main() tells which line of a task file threw what kedge did not", async () => {
  const { stderr } = await run(["odd"]);
  assertMatch(stderr, /\nerror: bad .*\nat: .*\/fixtures\/tasks\.ts:\d+:\d+\n$/);
  assert(!(await run(["fails"])).stderr.includes("\nat: "));
});

Deno.test("main() shows output with a head, in groups or as it comes", async () => {
  assertStringIncludes((await run(["says"])).stderr, "[says] line 1\n[says] line 2\n");
  assertStringIncludes(
    (await run(["says", "--output=group"])).stderr,
    "--- says\nline 1\nline 2\n",
  );
  assertStringIncludes(
    (await run(["says", "--output=interleave"])).stderr,
    "\nline 1\nline 2\n",
  );
  const env = { GITHUB_ACTIONS: "true" };
  assertStringIncludes(
    (await run(["says", "--output=group"], { env })).stderr,
    "::group::says\nline 1\nline 2\n::endgroup::\n",
  );
  assertStringIncludes(
    (await run(["fails"], { env })).stderr,
    "::error title=fails::Cannot run `sh",
  );
  assertStringIncludes(
    (await run(["warns"], { env })).stderr,
    "::warning title=warns::50%25 are left%0Aand no more\n",
  );
});

Deno.test("main() leaves GitHub's runner no command in what others say", async () => {
  for (const how of ["prefix", "group", "interleave"]) {
    const options = { env: { GITHUB_ACTIONS: "true" } };
    const { code, stderr } = await run(["commands", `--output=${how}`], options);
    assertEquals(code, 1);
    const own = /^::(?:group::|endgroup::|error title=commands::)/;
    const others = stderr.split("\n").filter((line) => !own.test(line));
    assertEquals(others.filter((line) => /^\s*::|##\[/.test(line)), [], how);
    assertStringIncludes(stderr, "set-output name=a::log");
    assertStringIncludes(stderr, "add-path::/evil");
  }
  const plain = await run(["commands", "--output=interleave"], { env: { GITHUB_ACTIONS: "" } });
  assertStringIncludes(plain.stderr, "\n::add-path::/evil\n");
});

Deno.test("main() with --quiet shows failures and results only", async () => {
  const good = await run(["moved", "--quiet"]);
  assertEquals([good.stdout, good.stderr], ["/store/a\n", ""]);
  const bad = await run(["fails", "--quiet"]);
  assertMatch(bad.stderr, /^--- fails: last output\nwhat went wrong\nerror: /);
});

Deno.test("main() keeps to NO_COLOR, FORCE_COLOR and the lack of a terminal", async () => {
  assert(!(await run(["moved"], { env: { NO_COLOR: "" } })).stderr.includes("\x1b["));
  const forced = await run(["moved"], { env: { NO_COLOR: "", FORCE_COLOR: "1" } });
  assertStringIncludes(forced.stderr, "\x1b[32mdone");
  const both = await run(["moved"], { env: { NO_COLOR: "1", FORCE_COLOR: "1" } });
  assert(!both.stderr.includes("\x1b["));
});

Deno.test("main() lets no control characters through from messages", async () => {
  const { stderr } = await run(["odd"]);
  assert(!stderr.includes("\x1b"), stderr);
  assertStringIncludes(stderr, "[odd] \\x1b[2Jcleared\\x0d\n[odd] and a line\n");
  assertStringIncludes(stderr, "bad \\x1b]0;title\\x07 thing");
});

Deno.test({
  name: "main() does not hold 100 MB of output without a line break in memory",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { code, stdout } = await run(["floods", "--quiet"]);
    assertEquals(code, 0);
    const peakKiB = Number(stdout);
    assert(peakKiB > 0 && peakKiB < 400 * 1024, `${peakKiB} KiB`);
  },
});
