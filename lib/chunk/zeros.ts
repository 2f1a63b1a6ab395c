import { Buffer } from "node:buffer";

const blank = new Uint8Array(64 * 1024);

/** The end of the run of zero bytes that begins at `start`: `start` itself if its byte is another, `end` at most. */
export function zeroRunEnd(data: Uint8Array, start: number, end: number): number {
  const aligned = Math.min(end, start + ((4 - ((data.byteOffset + start) & 3)) & 3));
  let at = zeroBytes(data, start, aligned);
  if (at < aligned) return at;
  // Whole pieces are compared by memcmp, ten times as fast as a loop.
  while (at + blank.length <= end && isBlank(data, at)) at += blank.length;
  const count = (end - at) >>> 2;
  if (count > 0) at += 4 * zeroWords(new Int32Array(data.buffer, data.byteOffset + at, count));
  return zeroBytes(data, at, end);
}

function isBlank(data: Uint8Array, at: number): boolean {
  return data[at] === 0 && Buffer.compare(data.subarray(at, at + blank.length), blank) === 0;
}

function zeroBytes(data: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && data[at] === 0) at++;
  return at;
}

/**
 * How many words at the start are zero. The loop stands alone and is entered for a few thousand words at a time: V8 otherwise compiles it in
 * the middle of its first run, without what comes after it, and then drops the code again at every end.
 */
function zeroWords(words: Int32Array): number {
  const size = words.length;
  let at = 0;
  while (at < size) {
    const stop = Math.min(size, at + 2048);
    at = zeroWordsUpTo(words, at, stop);
    if (at < stop) break;
  }
  return at;
}

function zeroWordsUpTo(words: Int32Array, start: number, stop: number): number {
  for (let at = start; at < stop; at++) if (words[at] !== 0) return at;
  return stop;
}

/** Whether all bytes from `start` to `end` are zero. */
export function isZero(data: Uint8Array, start = 0, end: number = data.length): boolean {
  return zeroRunEnd(data, start, end) === end;
}

/**
 * The first run of at least `least` zero bytes within `start` to `end`. A shorter run that touches `end` is not one.
 *
 * @returns its start and end, or `undefined`
 */
export function findZeroRun(
  data: Uint8Array,
  start: number,
  end: number,
  least: number,
): { start: number; end: number } | undefined {
  // Every run of `least` bytes holds a probed place, since probes lie at most `least` apart.
  let probe = start + least - 1;
  while (probe < end) {
    if (data[probe] !== 0) {
      probe += least;
      continue;
    }
    let first = probe;
    while (first > start && data[first - 1] === 0) first--;
    const last = zeroRunEnd(data, probe, end);
    if (last - first >= least) return { start: first, end: last };
    probe = last + least;
  }
  return undefined;
}
