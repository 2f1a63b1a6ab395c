import { formatBytes } from "../base/bytes.ts";
import type { Meter } from "../base/meter.ts";

const everyMs = 5000;

/** How {@linkcode tellReading} tells. */
export interface TellReadingOptions {
  /** Whether nothing else goes on meanwhile, so that the time that is left is that of the reading. @default {true} */
  isAlone?: boolean;
  /** The time in milliseconds. @default {the system's} */
  now?: () => number;
}

/**
 * Tells how far the reading of a large file is, every five seconds, and the meter how long it still takes: planning a pull or a push of a disk of
 * 100 GB takes a minute in which nothing moves.
 */
export function tellReading(
  meter: Meter,
  path: string,
  sizeBytes: number,
  { isAlone = true, now = () => performance.now() }: TellReadingOptions = {},
): (bytes: number) => void {
  const started = now();
  let told = started;
  let read = 0;
  return (bytes) => {
    read += bytes;
    const at = now();
    if (isAlone) meter.left(Math.max(0, (sizeBytes - read) / read * (at - started)));
    if (at - told < everyMs) return;
    told = at;
    meter.note(
      `read and hashed ${formatBytes(read)} of ${formatBytes(sizeBytes)} of ${path}, ` +
        `${formatBytes(read / ((at - started) / 1000))}/s`,
    );
  };
}
