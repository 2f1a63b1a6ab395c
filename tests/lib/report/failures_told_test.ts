/** Each failure is told once in full, and at the end at most by the name of its task. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { run } from "../../support/main_program.ts";

const program = fromFileUrl(new URL("./fixtures/failing_tasks.ts", import.meta.url));

/** What a run tells on standard error, where each of these tasks fails. */
async function told(failed: readonly string[], args: string[], env = {}): Promise<string> {
  const { code, stderr } = await run(args, { program, env });
  assertEquals(code, 1, stderr);
  for (const name of failed) {
    for (const words of [`Cannot reach "${name}"`, `refused by ${name}`, `look after ${name}`]) {
      assertEquals(stderr.split(words).length - 1, 1, `${words} in ${stderr}`);
    }
  }
  return stderr;
}

const three = ["web1", "web2", "web3"];

Deno.test("failures with --keep-going are told in full as they happen, and at the end by name", async () => {
  const stderr = await told(three, ["all", "--keep-going"]);
  for (const name of three) {
    const block =
      `: Cannot reach "N"\n[N] caused by: refused by N\n[N] at: \\S+\n[N] hint: look after N\n`;
    assertMatch(stderr, new RegExp(block.replaceAll("[", "\\[").replaceAll("N", name)));
    assertMatch(stderr, new RegExp(`^${name} +failed +\\S+$`, "m"));
  }
  assertMatch(stderr, /^\[all\] not run: "web1", "web2" and "web3" did not end well$/m);
  assert(stderr.endsWith("\nerror: 3 tasks failed: web1, web2, web3\n"), stderr);
});

Deno.test("failures with --keep-going and --quiet are told the same way", async () => {
  const stderr = await told(three, ["all", "--keep-going", "--quiet"]);
  assert(stderr.endsWith("\nerror: 3 tasks failed: web1, web2, web3\n"), stderr);
  assert(!stderr.includes("fine"), stderr);
});

Deno.test("failures with --keep-going are GitHub's annotations, and told nowhere else in its log", async () => {
  const stderr = await told(three, ["all", "--keep-going"], { GITHUB_ACTIONS: "true" });
  assertMatch(stderr, /^\[web1\] failed in \S+\n\[web1\] caused by: refused by web1$/m);
  assertStringIncludes(stderr, '\n::error title=web1::Cannot reach "web1"\n');
});

Deno.test("the failure that ends a run is told in full as the error of the run", async () => {
  for (const args of [["web1"], ["web1", "--keep-going"], ["all", "--jobs=1"]]) {
    const stderr = await told(["web1"], args);
    assertMatch(stderr, /^\[web1\] failed in \S+$/m);
    const end =
      /\nerror: Cannot reach "web1"\ncaused by: refused by web1\nat: \S+\nhint: look after web1\n$/;
    assertMatch(stderr, end);
  }
});

Deno.test("the failure of a task that another one runs is told as it happens", async () => {
  const passed = await told(["web1"], ["passes"]);
  assertMatch(passed, /^\[web1\] failed in \S+: Cannot reach "web1"$/m);
  assert(passed.endsWith("\nerror: 2 tasks failed: web1, passes\n"), passed);
  const counted = await told(["web1", "web2"], ["counts"]);
  assertMatch(counted, /\nerror: 2 of 3 hosts failed\nat: \S+\n$/);
});

Deno.test("a failure of which the end of the run would name the flag is told once all the same", async () => {
  const { code, stderr } = await run(["hands", "--level=40"], { program });
  assertEquals(code, 2, stderr);
  assertEquals(stderr.split("it is not 1 to 19").length - 1, 1, stderr);
  assert(stderr.endsWith("\nerror: 2 tasks failed: packs level=40, hands\n"), stderr);
});

Deno.test("a failure that another task bears is told though the run ends well", async () => {
  const { code, stderr } = await run(["bears"], { program });
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /^\[web1\] failed in \S+: Cannot reach "web1"$/m);
  assertMatch(stderr, /^\[web1\] hint: look after web1$/m);
  assertEquals(stderr.split('Cannot reach "web1"').length - 1, 1, stderr);
});

Deno.test("each line of a failure that is told as it happens names its task", async () => {
  const stderr = await told(["web1"], ["both", "--keep-going"]);
  assertMatch(
    stderr,
    /^\[lines\] failed in \S+: Cannot build: 2 errors\n\[lines\] first\n\[lines\] second$/m,
  );
});
