import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { UnreachableError } from "../../../lib/base/errors.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { SshSession } from "../../../lib/ssh/ssh_session.ts";
import { realTest } from "../../support/real.ts";
import { startSshd } from "../../support/sshd.ts";

const programs = ["sshd", "ssh", "ssh-keygen"];

realTest("SshSession runs a script with its standard input, and counts it", programs, async () => {
  await using sshd = await startSshd();
  let requests = 0;
  const meter = { ...silentMeter, request: () => void requests++ };
  const session = new SshSession(sshd.access, { meter });
  const stdin = async function* () {
    for (let at = 0; at < 20; at++) yield await Promise.resolve(new Uint8Array(100_000).fill(at));
  };
  const result = await session.run(`wc -c; echo "it's done" >&2; exit 7`, { stdin: stdin() });
  assertEquals(result, { code: 7, stdout: "2000000\n", stderr: "it's done\n" });
  const pieces: string[] = [];
  const streamed = await session.run("echo a; echo b", {
    onStdout: (bytes) => pieces.push(new TextDecoder().decode(bytes)),
  });
  assertEquals([streamed.stdout, pieces.join("")], ["", "a\nb\n"]);
  assertEquals(requests, 2);
});

realTest("SshSession keeps its script out of the list of processes", programs, async () => {
  await using sshd = await startSshd();
  const { stdout } = await new SshSession(sshd.access).run(
    `secret=hunter2; tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' ' ' </proc/$PPID/cmdline`,
  );
  assertStringIncludes(stdout, "eval");
  assert(!stdout.includes("hunter2"), stdout);
});

realTest("SshSession ends the script's ssh on abort and after its time", programs, async () => {
  await using sshd = await startSshd();
  const stop = new AbortController();
  const session = new SshSession(sshd.access, { signal: stop.signal });
  const error = await assertRejects(
    () => session.run("sleep 30", { timeoutMs: 1500 }),
    UnreachableError,
    "it did not answer in time",
  );
  assertEquals(error.exitCode, 4);
  const mark = join(sshd.home, "mark");
  const running = session.run(`echo >'${mark}'; sleep 30`);
  while (!await Deno.stat(mark).then(() => true, () => false)) {
    await delay(10);
  }
  stop.abort(new Error("enough"));
  await assertRejects(() => running, Error, "enough");
  await assertRejects(() => session.run("true"), Error, "enough");
});

realTest("SshSession honours further ssh options", programs, async () => {
  await using sshd = await startSshd();
  const { port, ...access } = sshd.access;
  const session = new SshSession({ ...access, sshOptions: [`Port=${port}`] });
  assertEquals((await session.run("exit 3")).code, 3);
});
