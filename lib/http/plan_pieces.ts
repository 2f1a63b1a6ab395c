import { type Extent, Extents } from "./extents.ts";

const mebibyte = 1024 * 1024;

/** The most connections of one download. */
export const defaultConnections = 8;

/** The largest piece that one request asks for, in bytes, as long as there are not too many of them. */
const largestPieceBytes = 16 * mebibyte;
/** What is larger than any disk, or claims to be, has larger pieces: all of them are kept in memory. */
const mostPieces = 16_384;
const smallestPieceBytes = 2 * mebibyte;

/**
 * Cuts what is missing into pieces for so many connections: large ones first, small ones at the end, so that all connections end
 * at about the same time. The same input gives the same pieces.
 */
export function planPieces(missing: readonly Extent[], connections: number): Extent[] {
  const pieces: Extent[] = [];
  let left = missing.reduce((sum, { start, end }) => sum + end - start, 0);
  const largest = Math.max(largestPieceBytes, Math.ceil(left / mostPieces / mebibyte) * mebibyte);
  for (const extent of missing) {
    let { start } = extent;
    while (start < extent.end) {
      const share = Math.ceil(left / (2 * connections) / mebibyte) * mebibyte;
      const wanted = Math.min(largest, Math.max(smallestPieceBytes, share));
      const rest = extent.end - start - wanted;
      const end = rest < smallestPieceBytes / 2 ? extent.end : start + wanted;
      pieces.push({ start, end });
      left -= end - start;
      start = end;
    }
  }
  return pieces;
}

/** The pieces that are still to be asked for after the first answer brought its own range. */
export function remainingPieces(
  answer: { start: number; end?: number; size?: number; ranges: boolean },
  present: Iterable<Extent>,
  connections: number,
): Extent[] {
  const { start, end, size } = answer;
  if (!answer.ranges || size === undefined || end === undefined) return [];
  const all = new Extents(present);
  all.add(start, end);
  return planPieces(all.missing(size), connections);
}
