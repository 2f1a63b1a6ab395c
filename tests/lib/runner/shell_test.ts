import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { Redactor } from "../../../lib/base/redactor.ts";
import { bindShell, type BoundShell, type ShellEvent } from "../../../lib/runner/shell.ts";

interface Bound extends BoundShell {
  events: ShellEvent[];
  controller: AbortController;
  redactor: Redactor;
}

function bind(
  options: { dryRun?: boolean; cwd?: string; env?: Record<string, string> } = {},
): Bound {
  const events: ShellEvent[] = [];
  const controller = new AbortController();
  const redactor = new Redactor();
  const shell = bindShell({
    dryRun: false,
    ...options,
    redactor,
    signal: controller.signal,
    report: (event) => void events.push(event),
  });
  return { $: shell.$, stop: (graceMs) => shell.stop(graceMs), events, controller, redactor };
}

/** The lines that were told, stream by stream. */
function lines(events: readonly ShellEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === "output"
      ? event.text.trimEnd().split("\n").map((line) => `${event.stream} ${line}`)
      : []
  );
}

function commands(events: readonly ShellEvent[]): string[] {
  return events.flatMap((event) => event.type === "command" ? [event.command] : []);
}

Deno.test("$ tells each command and each line that it prints", async () => {
  const { $, events } = bind();
  const word = "two words";
  await $`sh -c "echo one; echo ${word}; echo err >&2; printf end"`;
  assertEquals(commands(events), [
    `sh -c "echo one; echo 'two words'; echo err >&2; printf end"`,
  ]);
  assertEquals(lines(events).sort(), [
    "stderr err",
    "stdout end",
    "stdout one",
    "stdout two words",
  ]);
});

Deno.test("$ gives what a command printed, word for word, and tells its errors", async () => {
  const { $, events } = bind();
  const script = "echo out; echo err >&2";
  assertEquals(await $`sh -c ${script}`.text(), "out");
  assertEquals(await $`sh -c ${script}`.lines(), ["out"]);
  assertEquals(await $`sh -c ${script}`.text("stderr"), "err");
  assertEquals((await $`sh -c ${script}`.text("combined")).split("\n").sort(), ["err", "out"]);
  assertEquals(await $`echo '{"a":1}'`.json(), { a: 1 });
  assertEquals(await $`sh -c "exit 3"`.code(), 3);
  const iterated: string[] = [];
  for await (const line of $`sh -c "echo a; echo b"`.linesIter()) iterated.push(line);
  assertEquals(iterated, ["a", "b"]);
  assertEquals(lines(events), ["stderr err", "stderr err", "stdout out"]);
});

Deno.test("$ keeps what dax can do: pipes, environment, folder, exit codes", async () => {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  const { $, events } = bind({ cwd: dir, env: { WORD: "kedge" } });
  assertEquals(await $`sh -c "echo b; echo a"`.pipe($`sort`).text(), "a\nb");
  assertEquals(await $`printenv WORD`.text(), "kedge");
  assertEquals(await $`pwd`.text(), dir);
  assertEquals((await $`sh -c "exit 3"`.noThrow()).code, 3);
  assertEquals((await $`echo hi`.stdout("inheritPiped")).stdout, "hi\n");
  assertEquals((await $`echo quiet`.quiet()).stdout, "quiet\n");
  await $`echo ${["a b", "c"]}`;
  assertEquals(lines(events), ["stdout hi", "stdout a b c"]);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("$ says which command failed", async () => {
  const { $ } = bind();
  await assertRejects(
    () => $`sh -c "exit 3"`.then((result) => result),
    Error,
    'Cannot run `sh -c "exit 3"`: exited with code: 3',
  );
});

Deno.test("$ hides secrets in commands and in what they print, also when one arrives in two pieces", async () => {
  const { $, events, redactor } = bind();
  redactor.add("hunter22");
  await $`echo hunter22`;
  await $`sh -c "printf hunt; sleep 0.05; printf 'er22 aHVudGVyMjI=\\n'; echo hunter22 >&2"`;
  assertEquals(await $`echo hunter22`.text(), "hunter22");
  const told = JSON.stringify(events);
  assert(!told.includes("hunter22") && !told.includes("aHVudGVyMjI"), told);
  assertEquals(lines(events).length, 3);
});

Deno.test("$ never tears a line, and bounds one that does not end", async () => {
  const { $, events } = bind();
  await Promise.all([
    $`sh -c ${"for i in 1 2 3 4; do printf aaaa; sleep 0.01; printf 'aaaa\\n'; done"}`,
    $`sh -c ${"for i in 1 2 3 4; do printf bbbb; sleep 0.01; printf 'bbbb\\n'; done"}`,
  ]);
  assertEquals(
    lines(events).sort(),
    [...Array(4).fill("stdout aaaaaaaa"), ...Array(4).fill("stdout bbbbbbbb")],
  );
  events.length = 0;
  await $`head -c 3000000 /dev/zero`.pipe($`tr ${"\\0"} x`);
  const sizes = events.flatMap((event) => event.type === "output" ? event.text.split("\n") : [])
    .map((line) => line.length);
  assertEquals(sizes.reduce((sum, size) => sum + size), 3_000_000);
  assert(Math.max(...sizes) <= 65_536);
});

Deno.test("$ in a dry run tells a command and does not run it", async () => {
  const dir = await Deno.makeTempDir();
  const { $, events } = bind({ dryRun: true, cwd: dir });
  await $`touch a > b`;
  await $`echo x`.stdout($.path(`${dir}/c`));
  assertEquals(await $`echo text`.text(), "");
  assertEquals(await $`echo text`.lines(), []);
  assertEquals(await $`echo text`.json(), undefined);
  assertEquals(await $`false`.code(), 0);
  assertEquals((await $`false`).code, 0);
  await $`touch d`.pipe($`tee e`);
  await $`cat`.stdin($`touch f`);
  await $.raw`touch g`;
  assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  assertEquals(commands(events), [
    "touch a > b",
    "echo x",
    "echo text",
    "echo text",
    "echo text",
    "false",
    "false",
    "touch d | tee e",
    "cat",
    "touch g",
  ]);
  assert(events.every((event) => event.type !== "command" || event.dryRun));
  await Deno.remove(dir, { recursive: true });
});

Deno.test("$.always runs in a dry run too", async () => {
  const { $, events } = bind({ dryRun: true });
  assertEquals(await $.always`echo text`.text(), "text");
  assertEquals(events, [{ type: "command", command: "echo text", dryRun: false }]);
});

Deno.test("$.log goes where everything goes", () => {
  const { $, events, redactor } = bind();
  redactor.add("hunter22");
  $.log("hello hunter22");
  $.logWarn("Beware", "of the dog");
  assertEquals(events, [
    { type: "log", level: "info", message: "hello [redacted]" },
    { type: "log", level: "warning", message: "Beware of the dog" },
  ]);
});

for (
  const [what, script] of [
    ["a child", "sleep 1000"],
    ["a grandchild", "sleep 1000 & wait"],
    ["a grandchild in a session of its own", "setsid sleep 1000 & sleep 1000 & wait"],
    ["an orphan in a session of its own", "(setsid sleep 1000 &); sleep 1000 & wait"],
  ] as const
) {
  Deno.test({
    name: `$ ends ${what} when it is aborted`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
      const { $, controller, stop } = bind({ env: { [name]: "1" } });
      const run = assertRejects(() => $`sh -c ${script}`.then((result) => result), Error);
      while (carrying(name) < script.split("sleep").length) await delay(10);
      controller.abort(new Error("enough"));
      await Promise.all([run, stop(5000)]);
      assertEquals(carrying(name), 0);
    },
  });
}

Deno.test({
  name: "$ ends a command that is just being started when it is aborted",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
    for (const afterMs of [0, 1, 2, 4, 8, 16]) {
      const { $, controller, stop } = bind({ env: { [name]: "1" } });
      const run = Promise.allSettled([$`sh -c "sleep 1000 & wait"`.noThrow()]);
      await delay(afterMs);
      controller.abort(new Error("enough"));
      await Promise.all([run, stop(5000)]);
      assertEquals(carrying(name), 0, `${afterMs} ms after its start`);
    }
  },
});

Deno.test({
  name: "$ kills what ignores SIGTERM after the grace",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const name = `KEDGE_TEST_${crypto.randomUUID().replaceAll("-", "")}`;
    const { $, controller, stop, events } = bind({ env: { [name]: "1" } });
    const script = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
    const run = assertRejects(() => $`sh -c ${script}`.then((result) => result), Error);
    while (lines(events).length === 0) await delay(10);
    controller.abort(new Error("enough"));
    await Promise.all([run, stop(200)]);
    assertEquals(carrying(name), 0);
  },
});

function carrying(name: string): number {
  return [...Deno.readDirSync("/proc")].filter((entry) => {
    if (!/^\d+$/.test(entry.name)) return false;
    try {
      return Deno.readTextFileSync(`/proc/${entry.name}/environ`).includes(name);
    } catch {
      return false;
    }
  }).length;
}
