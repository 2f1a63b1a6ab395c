import { formatBytes } from "../base/bytes.ts";
import type { Meter } from "../base/meter.ts";

const everyMs = 5000;

/**
 * Tells how far the reading of a large file is, every five seconds: planning a pull or a push of a disk of 100 GB takes a minute in
 * which nothing moves.
 */
export function tellReading(
  meter: Meter,
  path: string,
  sizeBytes: number,
  now: () => number = () => performance.now(),
): (bytes: number) => void {
  const started = now();
  let told = started;
  let read = 0;
  return (bytes) => {
    read += bytes;
    const at = now();
    if (at - told < everyMs) return;
    told = at;
    const perSecond = read / ((at - started) / 1000);
    const leftSeconds = Math.max(0, Math.ceil((sizeBytes - read) / perSecond));
    meter.note(
      `read and hashed ${formatBytes(read)} of ${formatBytes(sizeBytes)} of ${path}, ` +
        `${formatBytes(perSecond)}/s, ${leftSeconds} s left`,
    );
  };
}
