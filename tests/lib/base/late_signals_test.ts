import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { spy } from "@std/testing";
import { LateSignals } from "../../../lib/base/late_signals.ts";

const late = new Error("too late");

/** Why a signal aborted, once it has. */
function ended(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });
}

Deno.test("LateSignals aborts what lasts longer than the limit, with its reason", async () => {
  const signals = new LateSignals(20, () => late);
  using wait = signals.start();
  assertEquals(await ended(wait.signal), late);
});

Deno.test("LateSignals aborts each of several waits, those that began on a running timer too", async () => {
  const signals = new LateSignals(40, () => late);
  using first = signals.start();
  await delay(15);
  using second = signals.start();
  assertEquals(await ended(first.signal), late);
  assertEquals(await ended(second.signal), late);
});

Deno.test("LateSignals gives the whole limit to a wait that begins on the timer of an ended one", async () => {
  const signals = new LateSignals(200, () => late);
  const first = signals.start();
  first[Symbol.dispose]();
  await delay(120);
  const started = performance.now();
  using second = signals.start();
  await ended(second.signal);
  assert(performance.now() - started >= 195);
});

Deno.test("LateSignals aborts nothing that ended before, and a wait that follows an abort", async () => {
  const signals = new LateSignals(20, () => late);
  const early = signals.start();
  early[Symbol.dispose]();
  using one = signals.start();
  await ended(one.signal);
  using two = signals.start();
  await ended(two.signal);
  assertEquals([early.signal.aborted, two.signal.aborted], [false, true]);
});

Deno.test("LateSignals keeps no process alive in which nobody waits", async () => {
  const { href } = new URL("../../../lib/base/late_signals.ts", import.meta.url);
  const program = `
    import { LateSignals } from ${JSON.stringify(href)};
    const signals = new LateSignals(2 ** 30, () => new Error());
    signals.start()[Symbol.dispose]();
    signals.start()[Symbol.dispose]();
    console.log("done");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", `data:text/typescript,${encodeURIComponent(program)}`],
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout } = await child.output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "done\n"]);
});

Deno.test("LateSignals rests on one timer where the limit is longer than a timer can wait", async () => {
  const { timeout } = AbortSignal;
  const timers = AbortSignal.timeout = spy(timeout.bind(AbortSignal));
  try {
    const signals = new LateSignals(2 ** 31, () => late);
    using _wait = signals.start();
    await delay(20);
  } finally {
    AbortSignal.timeout = timeout;
  }
  assertEquals(timers.calls.map(({ args }) => args), [[2 ** 31 - 1]]);
});
