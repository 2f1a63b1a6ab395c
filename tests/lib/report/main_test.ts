import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { fromFileUrl, join } from "@std/path";
import {
  type ProgramResult,
  runKedge,
  type RunKedgeOptions,
  spawnKedge,
} from "../../support/program.ts";

const program = fromFileUrl(new URL("./fixtures/tasks.ts", import.meta.url));

async function withFolder<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    return await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Runs the tasks of the fixture with a cache folder of their own. */
function run(
  args: readonly string[],
  options: Partial<RunKedgeOptions> = {},
): Promise<ProgramResult> {
  return withFolder((cacheDir) => runKedge(args, { cacheDir, program, ...options }));
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

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
    "A task of the tests\n\nUsage: tasks.ts moved [flags]\n\nFlags:\n  --name TEXT  A task of the tests (default: a)\n",
  );
  const bare = await run([]);
  assertEquals(bare.code, 0);
  assertStringIncludes(bare.stdout, "  -n, --dry-run ");
  assertStringIncludes(bare.stdout, "  -j, --jobs N ");
  assertStringIncludes(bare.stdout, "Usage: tasks.ts [flags] <task>");
});

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

Deno.test("main() knows --version where it was given one, and not otherwise", async () => {
  const { code, stdout, stderr } = await run(["--version"]);
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, "--version");
  assert(!(await run(["--help"])).stdout.includes("--version"));
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

Deno.test("main() tells once why the one task of a run failed", async () => {
  const alone = await run(["odd"]);
  assertMatch(alone.stderr, /^\[odd\] failed in \S+$/m);
  assertEquals(alone.stderr.split("bad \\x1b]0;title").length, 2, alone.stderr);
  const among = await run(["fails"]);
  assertMatch(among.stderr, /^\[fails\] failed in \S+: Cannot run `sh/m);
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

Deno.test("main() reads relative paths from where the command was typed under deno task", async () => {
  await withFolder(async (dir) => {
    await Deno.mkdir(join(dir, "sub"));
    const options = { cwd: dir };
    const path = async (env: Record<string, string>) =>
      (await run(["folder", "x"], { ...options, env })).stdout.trim();
    assertEquals(await path({ INIT_CWD: "" }), join(dir, "x"));
    assertEquals(await path({ INIT_CWD: join(dir, "sub") }), join(dir, "sub", "x"));
    assertEquals(await path({ INIT_CWD: "/somewhere/else" }), join(dir, "x"));
  });
});

Deno.test("main() finds the cache by flag, variable and XDG, and removes a temporary one", async () => {
  await withFolder(async (dir) => {
    const where = async (args: string[], env: Record<string, string>) =>
      (await run(["where", ...args], { env })).stdout.trim();
    assertEquals(await where(["--cache-dir", dir], { KEDGE_CACHE_DIR: "/no" }), dir);
    assertEquals(await where([], { KEDGE_CACHE_DIR: dir }), dir);
    assertEquals(
      await where([], { KEDGE_CACHE_DIR: "", XDG_CACHE_HOME: dir }),
      join(dir, "kedge"),
    );
    const { stdout, stderr } = await run(["where", "--no-cache"], { env: { TMPDIR: dir } });
    assertStringIncludes(stdout, dir);
    assertStringIncludes(stderr, `"${stdout.trim()}" was a temporary cache, and is gone`);
    const names = (await Array.fromAsync(Deno.readDir(dir))).map((entry) => entry.name);
    assertEquals(names.filter((name) => !name.startsWith("journal-v1.db")), ["kedge"]);
  });
});

Deno.test("main() leaves no trace in a dry run", async () => {
  await withFolder(async (dir) => {
    const cacheDir = join(dir, "cache");
    const { code, stderr } = await runKedge(["both", "--dry-run"], { cacheDir, program });
    assertEquals(code, 0);
    assertStringIncludes(stderr, "6 MiB would be moved, 1 KiB reused; nothing was written");
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  });
});

Deno.test("main() writes each run into the journal, with its exit code", async () => {
  await withFolder(async (cacheDir) => {
    await runKedge(["moved", "--name", "it's"], { cacheDir, program });
    await runKedge(["fails"], { cacheDir, program });
    const { stdout } = await runKedge(["runs", "--json"], { cacheDir });
    const result = jsonLines(stdout).at(-1) as { value: Record<string, unknown>[] };
    assertEquals(result.value.map(({ command, exitCode }) => [command, exitCode]), [
      ["fails", 1],
      ["moved --name 'it'\\''s'", 0],
    ]);
    const id = String(result.value[1]!["id"]);
    const shown = await runKedge(["runs:show", id.slice(0, 13)], { cacheDir });
    assertStringIncludes(shown.stdout, "moved --name");
    assertEquals((await runKedge(["runs:show", "ffffffffffff"], { cacheDir })).code, 2);
  });
});

Deno.test("main() goes on without a journal that is damaged, and says so", async () => {
  await withFolder(async (cacheDir) => {
    await Deno.writeTextFile(join(cacheDir, "journal-v1.db"), "this is no database at all");
    const { code, stdout, stderr } = await runKedge(["moved"], { cacheDir, program });
    assertEquals([code, stdout], [0, "/store/a\n"]);
    assertMatch(stderr, /^warning: Cannot use the journal/);
    const runs = await runKedge(["runs"], { cacheDir });
    assertEquals(runs.code, 1);
    assertStringIncludes(runs.stderr, "move the file away if it is damaged");
  });
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

/** Starts a task, and gives it once it says that it is ready. */
async function started(args: readonly string[], cacheDir: string, env: Record<string, string>) {
  const child = spawnKedge(args, { cacheDir, program, env });
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("ready")) text += (await reader.read()).value ?? "";
  const rest = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return text;
      text += value;
    }
  })();
  await child.stdout.cancel();
  return { child, rest };
}

/** Waits until no process carries a name: one that was killed is there for a moment. */
async function gone(name: string): Promise<void> {
  for (let i = 0; i < 500 && await carrying(name) > 0; i++) await delay(20);
  assertEquals(await carrying(name), 0);
}

async function carrying(name: string): Promise<number> {
  let count = 0;
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      const text = await Deno.readTextFile(`/proc/${entry.name}/environ`);
      if (text.includes(name)) count++;
    } catch {
      continue;
    }
  }
  return count;
}

for (
  const [task, code, words] of [
    ["throws-late", 1, 'error: Cannot go on: nobody handled "late [redacted]"\n'],
    ["exits", 9, ""],
  ] as const
) {
  Deno.test({
    name: `main() leaves no program behind when a task ${task}`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
      const env = { [name]: "1", KEDGE_TEST_SECRET: "hunter2-hunter2" };
      const { code: ended, stderr } = await run([task], { env });
      assertEquals(ended, code, stderr);
      assertStringIncludes(stderr, words);
      assert(!stderr.includes("hunter2"), stderr);
      await gone(name);
    },
  });
}

for (
  const [signal, code, script] of [
    ["SIGINT", 130, "sleep 1000 & wait"],
    ["SIGTERM", 143, "sleep 1000 & wait"],
    ["SIGTERM", 143, "setsid sleep 1000 & wait"],
    ["SIGHUP", 143, "(setsid sh -c 'sleep 1000 & wait' &); sleep 1000"],
  ] as const
) {
  Deno.test({
    name: `main() on ${signal} ends everything and exits with ${code}: ${script}`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      withFolder(async (cacheDir) => {
        const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
        const { child, rest } = await started(["waits", "--script", script], cacheDir, {
          [name]: "1",
        });
        while (await carrying(name) < 3) await delay(10);
        child.kill(signal);
        assertEquals((await child.status).code, code);
        assertStringIncludes(await rest, "disposed 1");
        assertEquals(await carrying(name), 0);
      }),
  });
}

Deno.test({
  name: "main() is not forced by a second signal within 300 ms, and is by a later one",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (cacheDir) => {
      const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
      const script = "trap '' TERM INT; while :; do sleep 0.05; done";
      const { child, rest } = await started(["waits", "--script", script], cacheDir, {
        [name]: "1",
      });
      while (await carrying(name) < 2) await delay(10);
      child.kill("SIGINT");
      // Nothing else of this module may come between.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      child.kill("SIGINT");
      await delay(1500);
      assert(await carrying(name) >= 2);
      child.kill("SIGINT");
      assertEquals((await child.status).code, 130);
      // Whoever is not forced waits for the grace, kills the program, and lets go of what is held.
      assert(!(await rest).includes("disposed"));
      await gone(name);
    }),
});

Deno.test({
  name: "main() gives up a run function that never settles, after the grace",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (cacheDir) => {
      const { child, rest } = await started(["hangs"], cacheDir, {});
      child.kill("SIGTERM");
      assertEquals((await child.status).code, 143);
      assertStringIncludes(await rest, "did not end within 6.0s of its stop");
    }),
});
