/**
 * Standard output and standard error of this process, in whole lines.
 *
 * Invariants: a line is written in one piece; a reader that goes away (a closed pipe) ends the writing, not the run. So does a full disk, of
 * which it is kept that lines were lost.
 *
 * @module
 */
import { codeOf, isNoRoom, NoRoomError } from "../base/errors.ts";

/** Where a reporter writes. */
export interface Output {
  /** A line of data: standard output. */
  data(line: string): void;
  /** A line for the reader: standard error. */
  line(line: string): void;
  /** Something for the reader's terminal as it is, without a line break. */
  raw(text: string): void;
}

/** The output of a process. */
export interface ProcessOutput extends Output {
  /** The error that says that the disk is full, where lines were lost by that. */
  readonly lost: Error | undefined;
}

/** A file that is written to. */
export interface Sink {
  /** Writes some of the bytes; gives how many. */
  writeSync(bytes: Uint8Array): number;
}

/** The output of this process. */
export function processOutput(): ProcessOutput {
  let lost: Error | undefined;
  const onLost = (error: Error) => lost ??= error;
  const data = writer(Deno.stdout, lostOf("output", onLost));
  const raw = writer(Deno.stderr, lostOf("error", onLost));
  return {
    data: (line) => data(`${line}\n`),
    line: (line) => raw(`${line}\n`),
    raw,
    get lost() {
      return lost;
    },
  };
}

/** Says of a full disk which of the two lost lines by it. */
function lostOf(stream: string, onLost: (error: Error) => void): (cause: Error) => void {
  return (cause) =>
    onLost(
      new NoRoomError(
        `Cannot write to standard ${stream}: ${cause.message}; lines of it are lost, and what ran went on`,
        { cause },
      ),
    );
}

function writer(sink: Sink, onLost: (error: Error) => void): (text: string) => void {
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
        const isFull = isNoRoom(error);
        if (!isFull && !isClosedPipe(error)) throw error;
        closed = true;
        if (isFull) onLost(error as Error);
        return;
      }
    }
  };
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    codeOf(error) === "EPIPE" ||
    codeOf(error) === "EBADF";
}
