import type { Meter } from "../base/meter.ts";
import { formatBytes } from "../base/bytes.ts";
import type { FileLock } from "../base/file_lock.ts";
import type { Partials } from "./partials.ts";

const lookEveryMs = 1000;

/**
 * Takes the lock of an entry. While another process holds it, says how far that one is with the same download; when it ends
 * or dies, this process is next.
 *
 * @throws {TimedOutError} if the other process took longer than the lock's timeout
 */
export async function waitForLeader(
  entry: {
    lock(options: { signal?: AbortSignal; onWait?: () => void }): Promise<FileLock>;
  },
  partials: Partials,
  source: string,
  step: { meter: Meter; signal: AbortSignal },
): Promise<FileLock> {
  const done = new AbortController();
  let watching: Promise<void> | undefined;
  try {
    return await entry.lock({
      signal: step.signal,
      onWait: () => {
        step.meter.note("another process is fetching the same; waiting for it");
        watching = watch(partials, source, step.meter, done.signal);
      },
    });
  } finally {
    done.abort();
    await watching;
  }
}

async function watch(
  partials: Partials,
  source: string,
  meter: Meter,
  signal: AbortSignal,
): Promise<void> {
  // Whoever comes alone waits for nobody, and loads nothing for it.
  const [{ delay }, { readControl }] = await Promise.all([
    import("@std/async"),
    import("../http/control_file.ts"),
  ]);
  let told = -1;
  while (!signal.aborted) {
    const folder = await partials.live(source);
    const control = folder === undefined ? undefined : await readControl(folder, source);
    if (control !== undefined) {
      const bytes = control.done.reduce((sum, { start, end }) => sum + end - start, 0);
      const percent = Math.floor(bytes / Math.max(1, control.size) * 100);
      if (percent > told) {
        told = percent;
        meter.note(
          `the other process has ${percent} % of ${formatBytes(control.size)}`,
        );
      }
    }
    await delay(lookEveryMs, { signal }).catch(() => undefined);
  }
}
