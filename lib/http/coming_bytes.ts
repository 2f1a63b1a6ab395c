const mostBytes = 512 * 1024;
const comingMs = 20;
const judgeMs = 100;

/**
 * How many bytes of a body to wait for at a time, given how many came in how long: those of 20 ms, so that a fast body costs few reads and
 * a slow one shows. What comes in one go at first says little of what follows.
 */
export function comingBytes(bytes: number, elapsedMs: number): number {
  const coming = Math.floor(bytes * comingMs / Math.max(judgeMs, elapsedMs));
  return Math.min(mostBytes, Math.max(1, coming));
}

/** A reader that waits for so many bytes. */
export interface MinReader {
  /** Reads into the memory of a view, at least `min` bytes where the body has as many. */
  read(
    view: Uint8Array<ArrayBuffer>,
    options: { min: number },
  ): Promise<{ value: Uint8Array<ArrayBuffer> | undefined; done: boolean }>;
  /** Gives the rest up. */
  cancel(reason?: unknown): Promise<void>;
}
