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
