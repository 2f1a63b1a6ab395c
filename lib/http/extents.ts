/** A half-open range of bytes: from `start` up to, not including, `end`. */
export interface Extent {
  /** The first byte. */
  start: number;
  /** The byte after the last. */
  end: number;
}

/** Which bytes of a file are there: ranges in their order, none touching another. */
export class Extents implements Iterable<Extent> {
  #ranges: Extent[] = [];

  /** Takes ranges in any order. */
  constructor(ranges: Iterable<Extent> = []) {
    for (const { start, end } of ranges) this.add(start, end);
  }

  /** Adds the bytes from `start` up to `end`. */
  add(start: number, end: number): void {
    if (end <= start) return;
    const ranges = this.#ranges;
    let first = ranges.length;
    while (first > 0 && ranges[first - 1]!.end >= start) first--;
    let last = first;
    let merged: Extent = { start, end };
    while (last < ranges.length && ranges[last]!.start <= end) {
      const other = ranges[last++]!;
      merged = { start: Math.min(merged.start, other.start), end: Math.max(merged.end, other.end) };
    }
    ranges.splice(first, last - first, merged);
  }

  /** Forgets all. */
  clear(): void {
    this.#ranges = [];
  }

  /** How many bytes are there. */
  get bytes(): number {
    return this.#ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** How many bytes are there without a gap from the first on. */
  get prefix(): number {
    const first = this.#ranges[0];
    return first?.start === 0 ? first.end : 0;
  }

  /** What is missing of a file of this size. */
  missing(size: number): Extent[] {
    const gaps: Extent[] = [];
    let at = 0;
    for (const { start, end } of this.#ranges) {
      if (start > at) gaps.push({ start: at, end: Math.min(start, size) });
      at = end;
    }
    if (at < size) gaps.push({ start: at, end: size });
    return gaps;
  }

  /** The ranges, in their order. */
  *[Symbol.iterator](): Generator<Extent> {
    for (const { start, end } of this.#ranges) yield { start, end };
  }
}
