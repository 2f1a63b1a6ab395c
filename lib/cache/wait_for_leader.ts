import { join } from "@std/path";
import type { Meter } from "../base/meter.ts";
import { formatBytes } from "../base/bytes.ts";
import { TimedOutError } from "../base/errors.ts";
import type { FileLock } from "../base/file_lock.ts";
import { lookAt } from "../base/files.ts";
import type { Partials } from "./partials.ts";

const lookEveryMs = 1000;
/** What has no known end is told of again when it grew by a tenth. */
const tellEachTimes = 1.1;

/**
 * Takes the lock of an entry. While another process holds it, says how far that one is with the same download; when it ends
 * or dies, this process is next. One that brings something is waited for, however slow its origin is.
 *
 * @throws {TimedOutError} if the other process brought nothing for as long as the lock's timeout
 */
export async function waitForLeader(
  entry: {
    lock(options: { signal?: AbortSignal; onWait?: () => void }): Promise<FileLock>;
  },
  partials: Pick<Partials, "live">,
  source: string,
  step: { meter: Meter; signal: AbortSignal },
): Promise<FileLock> {
  const done = new AbortController();
  const leader = { bytes: 0 };
  let watching: Promise<void> | undefined;
  const onWait = () => {
    if (watching !== undefined) return;
    step.meter.note("another process is fetching the same; waiting for it");
    watching = watch(leader, { partials, source, meter: step.meter, signal: done.signal });
  };
  try {
    for (;;) {
      const before = leader.bytes;
      try {
        return await entry.lock({ signal: step.signal, onWait });
      } catch (error) {
        if (!(error instanceof TimedOutError) || leader.bytes === before) throw error;
      }
    }
  } finally {
    done.abort();
    await watching;
  }
}

/**
 * Says how far the other process is, and keeps in `leader` what it has. Where the origin tells no size, or sends no ranges, there is no control
 * file, and the data grows as it comes; data that has its full size from the start is not told of before its control file is there.
 */
async function watch(
  leader: { bytes: number },
  { partials, source, meter, signal }: {
    partials: Pick<Partials, "live">;
    source: string;
    meter: Meter;
    signal: AbortSignal;
  },
): Promise<void> {
  // Whoever comes alone waits for nobody, and loads nothing for it.
  const [{ delay }, { dataName, readControl }] = await Promise.all([
    import("@std/async"),
    import("../http/control_file.ts"),
  ]);
  let toldPercent = -1;
  let toldBytes = 0;
  for (let before = Infinity; !signal.aborted; before = leader.bytes) {
    const folder = await partials.live(source);
    const control = folder === undefined ? undefined : await readControl(folder, source);
    if (control !== undefined) {
      leader.bytes = control.done.reduce((sum, { start, end }) => sum + end - start, 0);
      const percent = Math.floor(leader.bytes / Math.max(1, control.size) * 100);
      if (percent > toldPercent) {
        toldPercent = percent;
        meter.note(
          `the other process has ${percent} % of ${formatBytes(control.size)}`,
        );
      }
    } else if (folder !== undefined) {
      leader.bytes = lookAt(join(folder, dataName))?.size ?? leader.bytes;
      if (leader.bytes > before && leader.bytes >= toldBytes * tellEachTimes) {
        toldBytes = leader.bytes;
        meter.note(`the other process has ${formatBytes(leader.bytes)} so far`);
      }
    }
    await delay(lookEveryMs, { signal }).catch(() => undefined);
  }
}
