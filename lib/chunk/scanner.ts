/**
 * Cuts a stream into rows: chunks of data and holes of zeros.
 *
 * Invariants: the rows depend on the bytes alone, not on how they arrive; every byte is in exactly one row; no two
 * holes touch. Fixed blocks lie on the grid of the file and a block of zeros is a hole; content-defined chunks begin anew after every run of
 * at least `minBytes` zeros, which is a hole.
 *
 * @module
 */
import type { Chunker } from "./chunker.ts";
import { GearCutter } from "./gear_cutter.ts";
import { findZeroRun, isZero, zeroRunEnd } from "./zeros.ts";

/** What a {@linkcode Scanner} found in a window. */
export interface ScanSink {
  /** The bytes `start` to `end` of the window are a chunk. */
  chunk(start: number, end: number): void;
  /** So many zero bytes follow; a hole may come in several parts. */
  hole(length: number): void;
}

/** Cuts windows of a file, one after the other. */
export class Scanner {
  #chunker: Chunker;
  #cutter: GearCutter;
  #inHole = false;

  /** Begins at the start of a file. `cutter` gives the room for the windows, and may be used by one scanner after the other. */
  constructor(chunker: Chunker, cutter: GearCutter = new GearCutter()) {
    this.#chunker = chunker;
    this.#cutter = cutter;
  }

  /** Where a window of so many bytes is to be put. */
  room(size: number): Uint8Array<ArrayBuffer> {
    return this.#cutter.room(size);
  }

  /** How many bytes a window must have for anything to be sure of: less is given again. */
  get carryBytes(): number {
    return this.#chunker.maxBytes + this.#chunker.minBytes;
  }

  /**
   * Takes the first bytes of the room for a window, which begin with what the last call left.
   *
   * @param size how many bytes
   * @param final whether the file ends with this window
   * @returns how many bytes were taken; the others come again at the start of the next window
   */
  scan(size: number, final: boolean, sink: ScanSink): number {
    const window = this.#cutter.room(size);
    return this.#chunker.kind === "fixed"
      ? this.#fixed(window, final, sink)
      : this.#cdc(window, final, sink);
  }

  #fixed(window: Uint8Array, final: boolean, sink: ScanSink): number {
    const length = this.#chunker.maxBytes;
    let at = 0;
    while (at < window.length) {
      const end = Math.min(at + length, window.length);
      if (end - at < length && !final) break;
      if (isZero(window, at, end)) sink.hole(end - at);
      else sink.chunk(at, end);
      at = end;
    }
    return at;
  }

  #cdc(window: Uint8Array, final: boolean, sink: ScanSink): number {
    const chunker = this.#chunker;
    const size = window.length;
    let at = 0;
    if (this.#inHole) {
      at = zeroRunEnd(window, 0, size);
      if (at > 0) sink.hole(at);
      if (at === size) return at;
      this.#inHole = false;
    }
    while (at < size) {
      const run = findZeroRun(window, at, size, chunker.minBytes);
      const end = run?.start ?? size;
      while (at < end) {
        if (run === undefined && !final && size - at < this.carryBytes) return at;
        const cut = this.#cutter.cut(at, end, chunker);
        sink.chunk(at, cut);
        at = cut;
      }
      if (run !== undefined) {
        sink.hole(run.end - run.start);
        at = run.end;
        this.#inHole = at === size;
      }
    }
    return at;
  }
}
