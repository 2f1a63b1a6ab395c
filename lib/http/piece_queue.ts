import type { Extent } from "./extents.ts";
import { Piece } from "./piece.ts";

const stealFromBytes = 4 * 1024 * 1024;
const stealFromMs = 1000;
const judgeAfterMs = 250;

/** What a connection must bring to be kept. */
export interface PiecePace {
  /** How long it may bring nothing, in milliseconds. */
  idleTimeoutMs: number;
  /** What it must bring on average over that time, in bytes a second. */
  minBytesPerSecond: number;
}

/**
 * The pieces of one download: those that wait, and those that connections are bringing.
 *
 * Invariants: no byte is in two pieces; a connection that is free gets a piece that waits, else the second half of the one that would
 * take longest, if that is worth a request; a connection that brings nothing, or too little, is stopped.
 */
export class PieceQueue {
  #waiting: Piece[];
  #active = new Set<Piece>();

  /** The pieces that are to be asked for. */
  constructor(extents: readonly Extent[]) {
    this.#waiting = extents.map(({ start, end }) => new Piece(start, end));
  }

  /** The next piece; `undefined` where nothing is left that another connection could take. */
  next(): Piece | undefined {
    return this.#waiting.shift() ?? this.#steal();
  }

  /** Takes back what a connection will not bring. */
  giveBack({ at, end }: Pick<Piece, "at" | "end">): void {
    this.#waiting.push(new Piece(at, end));
  }

  /** A connection begins with a piece. */
  begin(piece: Piece): void {
    this.#active.add(piece);
  }

  /** A connection is done with a piece. */
  end(piece: Piece): void {
    this.#active.delete(piece);
  }

  /** Drops what waits, and stops what is under way. */
  stop(reason: string): void {
    this.#waiting = [];
    for (const piece of this.#active) piece.stop(reason);
  }

  /** What a connection brings on average, in bytes a second. */
  get meanBytesPerSecond(): number {
    const speeds = [...this.#active].map((piece) => piece.bytesPerSecond);
    return speeds.reduce((sum, speed) => sum + speed, 0) / Math.max(1, speeds.length);
  }

  /** Stops the connections that do not keep the pace. */
  watch({ idleTimeoutMs, minBytesPerSecond }: PiecePace): void {
    const now = performance.now();
    for (const piece of this.#active) {
      if (!piece.isReading) continue;
      if (now - piece.progressMs >= idleTimeoutMs) {
        piece.stop(`no byte came within ${idleTimeoutMs} ms`);
      } else if (now - piece.windowMs >= idleTimeoutMs) {
        if (piece.bytesPerSecond < minBytesPerSecond) {
          piece.stop(`fewer than ${minBytesPerSecond} bytes a second came`);
        }
        piece.resetWindow();
      }
    }
  }

  #steal(): Piece | undefined {
    let slowest: Piece | undefined;
    let longestMs = stealFromMs;
    for (const piece of this.#active) {
      if (!piece.isReading || performance.now() - piece.windowMs < judgeAfterMs) continue;
      const left = piece.end - piece.at;
      const leftMs = left / Math.max(1, piece.bytesPerSecond) * 1000;
      if (left >= stealFromBytes && Number.isFinite(left) && leftMs > longestMs) {
        slowest = piece;
        longestMs = leftMs;
      }
    }
    if (slowest === undefined) return undefined;
    return slowest.split(Math.ceil((slowest.at + slowest.end) / 2));
  }
}
