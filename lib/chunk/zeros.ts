/** The end of the run of zero bytes that begins at `start`: `start` itself if its byte is another, `end` at most. */
export function zeroRunEnd(data: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && ((data.byteOffset + at) & 3) !== 0) {
    if (data[at] !== 0) return at;
    at++;
  }
  const count = (end - at) >>> 2;
  if (count > 0) {
    const words = new Int32Array(data.buffer, data.byteOffset + at, count);
    let word = 0;
    while (word < count && words[word] === 0) word++;
    at += word * 4;
  }
  while (at < end && data[at] === 0) at++;
  return at;
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
