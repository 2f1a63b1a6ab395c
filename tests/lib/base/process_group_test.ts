import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { MarkedProcesses } from "../../../lib/base/marked_processes.ts";
import { runProcess } from "../../../lib/base/process_group.ts";

const posix = { ignore: Deno.build.os !== "linux" };

/** The processes whose environment holds a variable of the test's own. */
function carrying(name: string): number[] {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name))
    .filter((pid) => Number.isInteger(pid))
    .filter((pid) => {
      try {
        return Deno.readTextFileSync(`/proc/${pid}/environ`).includes(name);
      } catch {
        return false;
      }
    });
}

Deno.test("runProcess() gives the exit code, the output and the errors", async () => {
  const result = await runProcess("sh", { args: ["-c", "echo out; echo err >&2; exit 3"] });
  assertEquals(result, { code: 3, stdout: "out\n", stderr: "err\n" });
});

Deno.test("runProcess() feeds standard input and hands out pieces of standard output", async () => {
  let size = 0;
  const result = await runProcess("cat", {
    stdin: new Uint8Array(300_000),
    onStdout: (piece) => void (size += piece.byteLength),
  });
  assertEquals([result.code, size, result.stdout], [0, 300_000, ""]);
});

Deno.test("runProcess() waits for no input that nobody reads any more", async () => {
  let cancelled = false;
  const stdin = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
  const { code } = await runProcess("sh", { args: ["-c", "exit 3"], stdin });
  assertEquals([code, cancelled], [3, true]);
  const controller = new AbortController();
  const waiting = runProcess("sh", {
    args: ["-c", "echo up; read x"],
    stdin: new ReadableStream<Uint8Array>(),
    onStdout: () => controller.abort(new Error("enough")),
    signal: controller.signal,
  });
  await assertRejects(() => waiting, Error, "enough");
});

Deno.test("runProcess() says that there is no such program", async () => {
  await assertRejects(() => runProcess("kedge-no-such-program"), Deno.errors.NotFound);
});

Deno.test("runProcess() does not start when the signal has fired", async () => {
  const reason = new Error("stopped before");
  await assertRejects(
    () => runProcess("sh", { signal: AbortSignal.abort(reason) }),
    Error,
    "stopped before",
  );
});

for (
  const [what, script, count] of [
    ["a grandchild", "sleep 1000 & wait", 2],
    ["a grandchild in a session of its own", "setsid sleep 1000 & sleep 1000 & wait", 3],
    ["an orphaned grandchild", "(setsid sleep 1000 &) ; sleep 1000 & wait", 3],
  ] as const
) {
  Deno.test({
    name: `runProcess() ends ${what} when it is aborted`,
    ...posix,
    fn: async () => {
      const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
      const stop = new AbortController();
      const run = runProcess("sh", {
        args: ["-c", script],
        env: { [name]: "1" },
        signal: stop.signal,
      });
      const rejected = assertRejects(() => run, Error, "enough");
      while (carrying(name).length < count) await delay(10);
      stop.abort(new Error("enough"));
      await rejected;
      assertEquals(carrying(name), []);
    },
  });
}

Deno.test({
  name: "runProcess() kills what ignores SIGTERM after the grace",
  ...posix,
  fn: async () => {
    const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
    const stop = new AbortController();
    const run = runProcess("sh", {
      args: ["-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done"],
      env: { [name]: "1" },
      signal: stop.signal,
      graceMs: 200,
      onStdout: () => stop.abort(new Error("enough")),
    });
    const started = performance.now();
    await assertRejects(() => run, Error, "enough");
    assert(performance.now() - started >= 190);
    assertEquals(carrying(name), []);
  },
});

Deno.test({
  name: "MarkedProcesses.find() finds its own and nobody else's",
  ...posix,
  fn: async () => {
    const [one, other] = [new MarkedProcesses(), new MarkedProcesses()];
    const child = new Deno.Command("sleep", { args: ["1000"], env: one.env }).spawn();
    while (one.find().length === 0) await delay(5);
    assertEquals([one.find(), other.find()], [[child.pid], []]);
    await one.stop(1000);
    assertEquals((await child.status).signal, "SIGTERM");
  },
});

Deno.test({
  name: "runProcess() ends its child where Deno may run that program alone",
  ...posix,
  async fn() {
    const module = new URL("../../../lib/base/process_group.ts", import.meta.url);
    const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
    const program = `${folder}/program.ts`;
    await Deno.writeTextFile(
      program,
      `import { runProcess } from ${JSON.stringify(module.href)};
const stop = new AbortController();
setTimeout(() => stop.abort(new Error("enough")), 200);
await runProcess("sleep", { args: ["300"], signal: stop.signal })
  .catch((error) => console.log(error.message));
`,
    );
    const started = performance.now();
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--config=deno.json",
        "--allow-read",
        "--allow-env",
        "--allow-run=sleep",
        program,
      ],
      cwd: new URL("../../..", import.meta.url),
    }).output();
    const decoder = new TextDecoder();
    assertEquals([code, decoder.decode(stdout)], [0, "enough\n"], decoder.decode(stderr));
    assert(performance.now() - started < 200_000, "its child went on");
    await Deno.remove(folder, { recursive: true });
  },
});
