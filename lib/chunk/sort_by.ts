/**
 * Sorts numbers by a key, ascending; equal ones keep their order. A comparison given to `sort()` has all of them copied into objects of the
 * collector, which counts them too late.
 *
 * Merges runs that double in length (Knuth, The Art of Computer Programming, volume 3, section 5.2.4).
 */
export function sortBy(items: Uint32Array<ArrayBuffer>, keys: ArrayLike<number>): void {
  const { length } = items;
  let [from, to] = [items, new Uint32Array(length)];
  for (let run = 1; run < length; run *= 2) {
    for (let start = 0; start < length; start += 2 * run) {
      const middle = Math.min(start + run, length);
      const end = Math.min(middle + run, length);
      let [left, right] = [start, middle];
      for (let at = start; at < end; at++) {
        const isLeft = right >= end ||
          (left < middle && keys[from[left]!]! <= keys[from[right]!]!);
        to[at] = isLeft ? from[left++]! : from[right++]!;
      }
    }
    [from, to] = [to, from];
  }
  if (from !== items) items.set(from);
}
