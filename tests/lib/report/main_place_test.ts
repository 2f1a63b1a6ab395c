/** Where the program of a task file finds its folder, cache and journal. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runKedge } from "../../support/program.ts";
import { jsonLines, program, run, withFolder } from "../../support/main_program.ts";

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
    await Deno.writeTextFile(join(cacheDir, "journal-v1.db"), "this is not a database at all");
    const { code, stdout, stderr } = await runKedge(["moved"], { cacheDir, program });
    assertEquals([code, stdout], [0, "/store/a\n"]);
    assertMatch(stderr, /^warning: Cannot use the journal/);
    const runs = await runKedge(["runs"], { cacheDir });
    assertEquals(runs.code, 1);
    assertStringIncludes(runs.stderr, "move the file away if it is damaged");
  });
});
