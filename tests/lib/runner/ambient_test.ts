/** Task functions that are called without the context of their task. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { task } from "../../../lib/runner/task.ts";
import { cacheKexec } from "../../../tasks/kexec/kexec.ts";
import { makeBundle } from "../../support/bundle.ts";
import { startOrigin } from "../../support/origin.ts";
import { errorOf, runTasks, valueOf } from "./run_tasks.ts";

Deno.test("a task function without a context takes the flags and the cache of the run", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await makeBundle(join(dir, "b.tar.gz"), { size: 100_000 });
    const body = await Deno.readFile(join(dir, "b.tar.gz"));
    await Deno.remove(join(dir, "b.tar.gz"));
    await using origin = startOrigin({ "/b.tar.gz": { body } });
    const forgets = task({
      name: "forgets",
      description: "Cache a bundle",
      run: async () => {
        const { changed, dryRun } = await cacheKexec({ url: origin.url("/b.tar.gz") });
        return { changed, dryRun };
      },
    });
    const run = (...flags: string[]) =>
      runTasks([forgets], ["forgets", `--cache-dir=${dir}/cache`, ...flags]);

    const planned = await run("--dry-run");
    assertEquals(valueOf(planned), { changed: true, dryRun: true });
    assertEquals(planned.events.some((event) => event.type === "plan"), true);
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
    assertStringIncludes(errorOf(await run("--offline")).message, "the network is not to be used");
    assertEquals(valueOf(await run()), { changed: true, dryRun: false });
    assertEquals(valueOf(await run()), { changed: false, dryRun: false });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
