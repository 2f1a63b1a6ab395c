/**
 * What the parts of a partial download add up to, so that a later run tells the damaged ones from the sound.
 *
 * A CRC-32 finds what a disk or a crash did to a part, at ten times the speed of a hash; the digest of the whole judges the contents.
 *
 * @module
 */
import { zlib } from "../base/zlib.ts";
import { type Extent, Extents } from "./extents.ts";

/** A part and its CRC-32. */
export interface PartSum extends Extent {
  /** The CRC-32 of its bytes. */
  crc: number;
}

const smallestPartBytes = 4 * 1024 * 1024;
const mostParts = 1024;
const bufferBytes = 1024 * 1024;

/** Adds up the parts of a file while they are written. */
export class PartSums {
  #sums: PartSum[];
  /** The parts that may still grow, by their ends. */
  #open = new Map<number, PartSum>();
  #partBytes: number;

  /** Goes on from what an earlier run added up. */
  constructor(sizeBytes: number, sums: readonly PartSum[] = []) {
    this.#sums = [...sums];
    this.#partBytes = Math.max(smallestPartBytes, Math.ceil(sizeBytes / mostParts));
  }

  /** Bytes were written. */
  add(start: number, bytes: Uint8Array): void {
    const standing = this.#open.get(start);
    const end = start + bytes.byteLength;
    const crc = zlib().crc32(bytes, standing?.crc ?? 0);
    const part = standing ?? { start, end, crc };
    if (standing === undefined) this.#sums.push(part);
    else this.#open.delete(start);
    part.end = end;
    part.crc = crc;
    if (end - part.start < this.#partBytes) this.#open.set(end, part);
  }

  /** The parts as they are now. */
  snapshot(): PartSum[] {
    return this.#sums.map((part) => ({ ...part }));
  }
}

/** The parts of a file of which the bytes still add up. */
export async function soundParts(path: string, sums: readonly PartSum[]): Promise<PartSum[]> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(bufferBytes);
  const sound: PartSum[] = [];
  for (const part of sums) {
    await file.seek(part.start, Deno.SeekMode.Start);
    let left = part.end - part.start;
    let crc = 0;
    while (left > 0) {
      const count = await file.read(buffer.subarray(0, Math.min(buffer.byteLength, left)));
      if (count === null) break;
      crc = zlib().crc32(buffer.subarray(0, count), crc);
      left -= count;
    }
    if (left === 0 && crc === part.crc) sound.push(part);
  }
  return sound;
}

/** What of some extents lies in parts. */
export function withinParts(done: readonly Extent[], parts: readonly PartSum[]): Extent[] {
  const all = new Extents(parts);
  return done.flatMap((extent) =>
    [...all].flatMap(({ start, end }) => {
      const within = { start: Math.max(start, extent.start), end: Math.min(end, extent.end) };
      return within.start < within.end ? [within] : [];
    })
  );
}
