/**
 * One range of a download and the body that fills it.
 *
 * Invariants: a byte is written only at its own place; no byte beyond the end of the piece is written, though the server
 * send more; a body that ends early is an error that says where; the end may move towards the start while the piece is
 * read, when another connection takes over its second half.
 *
 * @module
 */
import { writeAllSync } from "../base/files.ts";
import { comingBytes, type MinReader } from "./coming_bytes.ts";
import { diskFailure } from "./disk_failure.ts";

/** Where a connection puts what it brings. */
export interface PieceSink {
  /** The folder that the file is in, for messages. */
  folder: string;
  /** The file, of which this connection has a handle of its own. */
  file: Deno.FsFile;
  /** The memory that it reads into, kept from one piece to the next; a read that fails loses it. */
  buffer?: ArrayBuffer;
}

/** A range that one connection brings. */
export class Piece {
  /** The next byte that is missing. */
  at: number;
  /** The byte after the last; infinite where the size is not known. */
  end: number;
  /** When the last byte came, by the monotonic clock in milliseconds. */
  progressMs = performance.now();
  /** Bytes that came since {@linkcode Piece.windowMs}. */
  windowBytes = 0;
  /** When the window for the speed began. */
  windowMs = performance.now();
  #cancel: ((reason: string) => void) | undefined;
  #cancelled: string | undefined;

  /** A range from `start` up to `end`. */
  constructor(start: number, end: number) {
    this.at = start;
    this.end = end;
  }

  /** Whether a body is being read. */
  get isReading(): boolean {
    return this.#cancel !== undefined;
  }

  /** Bytes a second in the window. */
  get bytesPerSecond(): number {
    return this.windowBytes / Math.max(0.001, (performance.now() - this.windowMs) / 1000);
  }

  /** Begins a new window for the speed. */
  resetWindow(): void {
    this.windowBytes = 0;
    this.windowMs = performance.now();
  }

  /** Gives up what lies from this byte on: it is another piece now. */
  split(middle: number): Piece {
    const rest = new Piece(middle, this.end);
    this.end = middle;
    return rest;
  }

  /** Ends the reading; it then fails with this reason. */
  stop(reason: string): void {
    this.#cancel?.(reason);
  }

  /**
   * Reads a body that begins at {@linkcode Piece.at} into a file.
   *
   * @param onBytes told of each run of bytes written: where it begins, and the bytes
   * @throws {KedgeError} if the disk does not take the bytes
   * @throws {Error} if the body ends before the piece does
   */
  async read(
    response: Response,
    into: PieceSink,
    onBytes: (start: number, bytes: Uint8Array) => void,
  ): Promise<void> {
    if (response.body === null) throw new Error("the answer has no body");
    const reader = response.body.getReader({ mode: "byob" }) as MinReader;
    this.#cancelled = undefined;
    this.#cancel = (reason) => {
      this.#cancelled = reason;
      reader.cancel(reason).catch(() => undefined);
    };
    this.progressMs = performance.now();
    this.resetWindow();
    try {
      await into.file.seek(this.at, Deno.SeekMode.Start);
      await this.#pump(reader, into, onBytes);
    } finally {
      this.#cancel = undefined;
      await reader.cancel().catch(() => undefined);
    }
  }

  async #pump(
    reader: MinReader,
    into: PieceSink,
    onBytes: (start: number, bytes: Uint8Array) => void,
  ): Promise<void> {
    while (this.at < this.end) {
      const buffer = into.buffer ?? new ArrayBuffer(bufferBytes);
      delete into.buffer;
      const wanted = Math.min(buffer.byteLength, this.end - this.at);
      const { value, done } = await reader.read(new Uint8Array(buffer, 0, wanted), {
        min: Math.min(wanted, comingBytes(this.windowBytes, performance.now() - this.windowMs)),
      });
      const now = performance.now();
      if (value !== undefined) into.buffer = value.buffer;
      if (value !== undefined && value.byteLength > 0) {
        const bytes = value.subarray(
          0,
          Math.max(0, Math.min(value.byteLength, this.end - this.at)),
        );
        try {
          writeAllSync(into.file, bytes);
        } catch (error) {
          throw diskFailure(into.folder, error);
        }
        const start = this.at;
        this.at += bytes.byteLength;
        this.progressMs = now;
        this.windowBytes += bytes.byteLength;
        onBytes(start, bytes);
      }
      if (done) break;
    }
    if (this.at >= this.end) return;
    if (this.#cancelled !== undefined) throw new Error(this.#cancelled);
    if (this.end !== Infinity) {
      throw new Error(`the body ended after ${this.at} bytes instead of ${this.end}`);
    }
    this.end = this.at;
  }
}

const bufferBytes = 1024 * 1024;
