/** Contexts of which a caller names a part and gives nothing for it, as `{ signal, dryRun }` of options that may be left out. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { resolveContext, type TaskContextOptions } from "../../../lib/runner/context.ts";
import { task } from "../../../lib/runner/task.ts";
import { cacheDir } from "../../../tasks/cache/cache.ts";
import { runTasks, valueOf } from "./run_tasks.ts";

/** All that a context has, and nothing for any of it. */
const nothing: TaskContextOptions = {
  ...{ signal: undefined, cache: undefined, journal: undefined, report: undefined },
  ...{ dryRun: undefined, offline: undefined, refresh: undefined, lockfile: undefined },
  ...{ secrets: undefined, redactor: undefined, $: undefined },
};

Deno.test("resolveContext() takes from the run what a context names and gives nothing for: a dry run stays one", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const asks = task({
      name: "asks",
      description: "Tell what a task function would go by",
      run: ({ redactor }) => {
        const context = resolveContext(nothing);
        return {
          dryRun: context.dryRun,
          refresh: context.refresh,
          folder: context.cache.dir,
          hasItsRedactor: context.redactor === redactor,
        };
      },
    });
    const cacheDir = join(dir, "cache");
    const run = await runTasks([asks], [
      "asks",
      "--dry-run",
      "--refresh",
      `--cache-dir=${cacheDir}`,
    ]);
    assertEquals(valueOf(run), {
      dryRun: true,
      refresh: "all",
      folder: cacheDir,
      hasItsRedactor: true,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("resolveContext() gives each part of a context for which there is nothing its default", () => {
  const { dryRun, offline, refresh, lockfile, signal } = resolveContext(nothing);
  assertEquals([dryRun, offline, refresh, lockfile, signal.aborted], [
    ...[false, false, "none", undefined, false],
  ]);
});

Deno.test("cacheDir() without a context names the cache folder of the run", async () => {
  const asks = task({ name: "asks", description: "Tell the folder", run: () => cacheDir() });
  const asksAnyway = task({
    name: "asks-anyway",
    description: "Tell it of a context that says nothing of it",
    run: () => cacheDir({ cache: undefined }),
  });
  const dir = await Deno.makeTempDir();
  try {
    for (const each of [asks, asksAnyway]) {
      assertEquals(valueOf(await runTasks([each], [each.name, `--cache-dir=${dir}`])), dir);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
