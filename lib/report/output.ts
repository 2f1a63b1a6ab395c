/**
 * Standard output and standard error of this process, in whole lines.
 *
 * Invariants: a line is written in one piece; a reader that goes away (a closed pipe) ends the writing, not the run.
 *
 * @module
 */

/** Where a reporter writes. */
export interface Output {
  /** A line of data: standard output. */
  data(line: string): void;
  /** A line for the reader: standard error. */
  line(line: string): void;
  /** Something for the reader's terminal as it is, without a line break. */
  raw(text: string): void;
}

/** A file that is written to. */
export interface Sink {
  /** Writes some of the bytes; gives how many. */
  writeSync(bytes: Uint8Array): number;
}

/** The output of this process, or of what stands in for its files. */
export function processOutput(stdout: Sink = Deno.stdout, stderr: Sink = Deno.stderr): Output {
  const data = writer(stdout);
  const raw = writer(stderr);
  return { data: (line) => data(`${line}\n`), line: (line) => raw(`${line}\n`), raw };
}

function writer(sink: Sink): (text: string) => void {
  const encoder = new TextEncoder();
  let closed = false;
  return (text) => {
    if (closed) return;
    let bytes = encoder.encode(text);
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(sink.writeSync(bytes));
      } catch (error) {
        if (error instanceof Deno.errors.WouldBlock) {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
          continue;
        }
        if (!isClosedPipe(error)) throw error;
        closed = true;
        return;
      }
    }
  };
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    (error as { code?: string }).code === "EPIPE" ||
    (error as { code?: string }).code === "EBADF";
}
