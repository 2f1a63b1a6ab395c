/** What the command line says of a task also counts for task functions that it calls without its context. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { ambientRun } from "../../../lib/runner/ambient.ts";
import { resolveContext } from "../../../lib/runner/context.ts";
import { task } from "../../../lib/runner/task.ts";
import { inFolder } from "../../support/in_folder.ts";
import { runTasks, valueOf } from "./run_tasks.ts";

Deno.test("a task function without a context asks again where its task is named by --refresh", async () => {
  const looks = (name: string, deps = {}) =>
    task({
      name,
      description: "Look",
      deps,
      run: async () => {
        await Promise.resolve();
        return JSON.stringify(resolveContext().refresh);
      },
    });
  const alone = looks("alone");
  const root = looks("root", { alone });
  const tasks = [alone, root];
  assertEquals(valueOf(await runTasks(tasks, ["alone", "--refresh=alone"])), '"all"');
  assertEquals(valueOf(await runTasks(tasks, ["root", "--refresh=root"])), '"all"');
  assertEquals(valueOf(await runTasks(tasks, ["root", "--refresh=alone"])), '["alone"]');
  assertEquals(valueOf(await runTasks(tasks, ["root"])), '"none"');
});

Deno.test("a task function without a context uses the lockfile of the run as its flags say", async () => {
  await inFolder(async (folder) => {
    const lockfile = join(folder, "kedge.lock");
    const looks = task({
      name: "looks",
      description: "Look",
      run: async () => {
        await Promise.resolve();
        const { lockfile } = resolveContext();
        return [lockfile?.path, lockfile?.frozen, lockfile === resolveContext().lockfile];
      },
    });
    const run = async (...flags: string[]) =>
      valueOf(await runTasks([looks], ["looks", ...flags], { lockfile }));
    assertEquals(await run(), [lockfile, false, true]);
    assertEquals(await run("--frozen"), [lockfile, true, true]);
    assertEquals(await run(`--lock=${folder}/other`), [`${folder}/other`, false, true]);
  });
});

Deno.test("a run inside a task gives its flags to what its own tasks call, not to those beside it", async () => {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const folders: Record<string, string | undefined> = {};
  const look = (name: string) => void (folders[name] = ambientRun()?.cacheDir);
  const inner = task({
    name: "inner",
    description: "Look",
    run: async () => {
      await Promise.resolve();
      look("inner");
      begun.resolve();
      await ended.promise;
    },
  });
  const nests = task({
    name: "nests",
    description: "Run another program's task",
    run: async () => {
      await runTasks([inner], ["inner", "--cache-dir=/inner", "--dry-run"]);
      look("nests");
    },
  });
  const waits = task({
    name: "waits",
    description: "Wait",
    run: () => begun.promise,
  });
  const beside = task({
    name: "beside",
    description: "Look",
    deps: { waits },
    run: async () => {
      await Promise.resolve();
      look("beside");
      ended.resolve();
    },
  });
  const outer = task({
    name: "outer",
    description: "Both",
    deps: { nests, beside },
    run: () => {},
  });
  await runTasks([outer], ["outer", "--cache-dir=/outer", "--dry-run", "--jobs=3"]);
  assertEquals(folders, { inner: "/inner", nests: "/outer", beside: "/outer" });
  assertEquals(ambientRun(), undefined);
});

Deno.test("a run that outlasts one that began before it stays the run of its tasks, and none is left at the end", async () => {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let found: string | undefined;
  const first = task({ name: "first", description: "Wait", run: () => begun.promise });
  const second = task({
    name: "second",
    description: "Look",
    run: async () => {
      begun.resolve();
      await ended.promise;
      found = ambientRun()?.cacheDir;
    },
  });
  const outlasted = runTasks([first], ["first", "--cache-dir=/first", "--dry-run"]);
  const lasts = runTasks([second], ["second", "--cache-dir=/second", "--dry-run"]);
  await outlasted;
  ended.resolve();
  await lasts;
  assertEquals(found, "/second");
  assertEquals(ambientRun(), undefined);
});
