/** A task file's program ends with all that it started, by itself or by a signal. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { spawnKedge } from "../../support/program.ts";
import { program, run, withFolder } from "../../support/main_program.ts";

/** Starts a task, and gives it once it says that it is ready. */
async function started(args: readonly string[], cacheDir: string, env: Record<string, string>) {
  const child = spawnKedge(args, { cacheDir, program, env });
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const says = async (word: string) => {
    while (!text.includes(word)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`it ended before it said "${word}": ${text}`);
      text += value;
    }
  };
  const rest = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return text;
      text += value;
    }
  };
  await says("ready");
  await child.stdout.cancel();
  return { child, says, rest };
}

/** Waits until no process carries a name: one that was killed is there for a moment. */
async function gone(name: string): Promise<void> {
  for (let i = 0; i < 500 && await carrying(name) > 0; i++) await delay(20);
  assertEquals(await carrying(name), 0);
}

/** Waits until so many processes carry a name; the first of them must still run then. */
async function carried(name: string, count: number, child: Deno.ChildProcess): Promise<void> {
  let ended = false;
  void child.status.then(() => ended = true);
  while (await carrying(name) < count) {
    if (ended) throw new Error(`it ended before ${count} processes carried the name`);
    await delay(10);
  }
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
        await carried(name, 3, child);
        child.kill(signal);
        assertEquals((await child.status).code, code);
        const said = await rest();
        for (const words of ["disposed 1", `Stopped by ${signal}`]) {
          assertStringIncludes(said, words);
        }
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
      const script = "trap 'echo heard' TERM INT; while :; do sleep 0.05; done";
      const { child, says, rest } = await started(["waits", "--script", script], cacheDir, {
        [name]: "1",
      });
      await carried(name, 2, child);
      // Both come to it at the same moment, however busy the machine is; of the same signal twice it would see one.
      for (const signal of ["SIGSTOP", "SIGINT", "SIGTERM", "SIGCONT"] as const) child.kill(signal);
      await says("heard");
      // How much later the third comes than the first is what it is about: the first was there before it was heard.
      await delay(320);
      assert(await carrying(name) >= 2);
      child.kill("SIGINT");
      assertEquals((await child.status).code, 130);
      // Whoever is not forced waits for the grace, kills the program, and lets go of what is held.
      assert(!(await rest()).includes("disposed"));
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
      assertStringIncludes(await rest(), "did not end within 6.0s of its stop");
    }),
});
