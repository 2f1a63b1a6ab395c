/** Task functions that are called without the context of their task. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { ambientRun } from "../../../lib/runner/ambient.ts";
import { resolveContext } from "../../../lib/runner/context.ts";
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

/** The signal of the context that a task function would have here, and the reason for which it fires. */
async function abortedHere(): Promise<unknown> {
  await Promise.resolve();
  const { signal } = resolveContext();
  if (!signal.aborted) {
    await new Promise((fired) => signal.addEventListener("abort", fired, { once: true }));
  }
  return signal.reason;
}

Deno.test("a task function without a context ends at the timeout of its task", async () => {
  let reason: unknown;
  const late = task({
    name: "late",
    description: "Wait",
    timeout: "10ms",
    run: async () => {
      reason = await abortedHere();
      throw reason;
    },
  });
  const { message } = errorOf(await runTasks([late], ["late"]));
  assertEquals(message, 'Cannot finish "late": it took longer than 10ms');
  assertEquals((reason as Error).message, message);
});

Deno.test("a task function without a context ends when a task beside its own fails, and one of another task goes on", async () => {
  const reasons: Record<string, string> = {};
  const waits = Promise.withResolvers<void>();
  const limited = task({
    name: "limited",
    description: "Wait",
    timeout: "10ms",
    run: async () => {
      reasons["limited"] = String(await abortedHere());
      reasons["after"] = String(await abortedHere());
      await waits.promise;
      throw new Error("limited");
    },
  });
  const beside = task({
    name: "beside",
    description: "Wait",
    run: async () => {
      waits.resolve();
      reasons["beside"] = String(await abortedHere());
    },
  });
  const both = task({
    name: "both",
    description: "Both",
    deps: { limited, beside },
    run: () => {},
  });
  await runTasks([both], ["both", "--jobs=2"]);
  const told = 'TimedOutError: Cannot finish "limited": it took longer than 10ms';
  assertEquals(reasons, {
    limited: told,
    after: told,
    beside: 'KedgeError: Stopped since "limited" failed',
  });
});

Deno.test("the tasks of one run share one cache, and tell their names, also where they pass no context on", async () => {
  const caches = new Set<unknown>();
  const one = (name: string) =>
    task({
      name,
      description: "Look",
      timeout: "1h",
      run: async () => {
        await Promise.resolve();
        const { cache, report } = resolveContext();
        caches.add(cache);
        report({
          type: "note",
          operation: name,
          kind: "x",
          subject: "x",
          level: "info",
          message: name,
        });
      },
    });
  const [left, right] = [one("left"), one("right")];
  const both = task({ name: "both", description: "Both", deps: { left, right }, run: () => {} });
  const { events } = await runTasks([both], ["both"]);
  assertEquals(caches.size, 1);
  const notes = events.flatMap((event) =>
    event.type === "note" ? [[event.message, event.task]] : []
  );
  assertEquals(notes.sort(), [["left", "left"], ["right", "right"]]);
  assertEquals(ambientRun(), undefined);
});
