import { assertEquals, assertRejects } from "@std/assert";
import { TimedOutError } from "../../../lib/base/errors.ts";
import { FileLock } from "../../../lib/base/file_lock.ts";
import { silentMeter } from "../../../lib/base/meter.ts";
import { waitForLeader } from "../../../lib/cache/wait_for_leader.ts";
import { writeControl } from "../../../lib/http/control_file.ts";
import { inFolder } from "../../support/in_folder.ts";

const source = "sha256:source";

/** A leader that has so many of 100 bytes each time before the wait for its lock is over; the last wait gets the lock, if that is said. */
async function follow(
  percents: readonly number[],
  outcome: "lock" | "timeout",
): Promise<{ notes: string[]; waits: number }> {
  const notes: string[] = [];
  let waits = 0;
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/lock`, "");
    await Deno.writeTextFile(`${dir}/data`, "x".repeat(100));
    let told = Promise.withResolvers<void>();
    let has = 0;
    const note = (message: string) => {
      notes.push(message);
      if (message.includes("%")) told.resolve();
    };
    const lock = async ({ onWait }: { onWait?: () => void }) => {
      const percent = percents[waits++]!;
      if (percent !== has) {
        told = Promise.withResolvers();
        await writeControl(dir, { source, size: 100, done: [{ start: 0, end: percent }] });
      }
      has = percent;
      onWait?.();
      await told.promise;
      if (waits < percents.length || outcome === "timeout") throw new TimedOutError("held");
      return new FileLock(`${dir}/lock`, await Deno.open(`${dir}/lock`));
    };
    const step = { meter: { ...silentMeter, note }, signal: new AbortController().signal };
    const waiting = waitForLeader({ lock }, { live: () => Promise.resolve(dir) }, source, step);
    if (outcome === "timeout") await assertRejects(() => waiting, TimedOutError, "held");
    else (await waiting)[Symbol.dispose]();
  });
  return { notes, waits };
}

/** The same of a leader whose origin tells no size: its data grows to so many bytes each, in one wait each. */
async function followGrowing(
  sizes: readonly (readonly number[])[],
  outcome: "lock" | "timeout",
): Promise<{ notes: string[]; waits: number }> {
  const notes: string[] = [];
  let waits = 0;
  await inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/lock`, "");
    const left = [...sizes];
    let wait = left.shift()!.values();
    let looked = Promise.withResolvers<void>();
    // Each look at the folder finds the next size; behind the last one of a wait the wait is over.
    const live = async () => {
      const { value, done } = wait.next();
      if (done) looked.resolve();
      else await Deno.writeTextFile(`${dir}/data`, "x".repeat(value));
      return dir;
    };
    const lock = async ({ onWait }: { onWait?: () => void }) => {
      waits++;
      onWait?.();
      await looked.promise;
      looked = Promise.withResolvers();
      wait = left.shift()?.values() ?? [].values();
      if (waits < sizes.length || outcome === "timeout") throw new TimedOutError("held");
      return new FileLock(`${dir}/lock`, await Deno.open(`${dir}/lock`));
    };
    const note = (message: string) => notes.push(message);
    const step = { meter: { ...silentMeter, note }, signal: new AbortController().signal };
    const waiting = waitForLeader({ lock }, { live }, source, step);
    if (outcome === "timeout") await assertRejects(() => waiting, TimedOutError, "held");
    else (await waiting)[Symbol.dispose]();
  });
  return { notes, waits };
}

const first = "another process is fetching the same; waiting for it";
const at = (percent: number) => `the other process has ${percent} % of 100 B`;

Deno.test("waitForLeader() waits on for a leader that brings something, however long it takes", async () => {
  assertEquals(await follow([10, 20, 30], "lock"), {
    notes: [first, at(10), at(20), at(30)],
    waits: 3,
  });
});

Deno.test("waitForLeader() waits no longer than the lock's timeout for one that brings nothing", async () => {
  assertEquals(await follow([10, 20, 20], "timeout"), { notes: [first, at(10), at(20)], waits: 3 });
});

const soFar = (bytes: number) => `the other process has ${bytes} B so far`;

Deno.test("waitForLeader() waits on for a leader whose origin tells no size", async () => {
  assertEquals(await followGrowing([[10, 20], [21, 30]], "lock"), {
    notes: [first, soFar(20), soFar(30)],
    waits: 2,
  });
});

Deno.test("waitForLeader() waits for one whose origin tells no size no longer than it brings something", async () => {
  assertEquals(await followGrowing([[10, 20], [20]], "timeout"), {
    notes: [first, soFar(20)],
    waits: 2,
  });
});
