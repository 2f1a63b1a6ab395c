import { VerificationError } from "../../base/errors.ts";

/**
 * Unpacks one LZ4 block into `out`, from `start` to exactly `end`. Matches may reach back to the start of `out`, where the plaintext
 * of earlier blocks stands.
 *
 * Follows the LZ4 block format (lz4_Block_format.md): tokens of literals and matches, lengths in steps of 255, the last sequence
 * without a match. Every read and write is held against its bounds first.
 *
 * @param what names it in the error
 * @throws {VerificationError} if the block is damaged, or unpacks to more or fewer bytes
 */
export function unpackLz4Block(
  block: Uint8Array,
  out: Uint8Array,
  start: number,
  end: number,
  what = "an LZ4 block",
): void {
  const refused = (state: string) =>
    new VerificationError(`Cannot unpack ${what}: ${state}`, { side: "source" });
  let from = 0;
  let to = start;
  const size = block.length;
  while (from < size) {
    const token = block[from++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      let more: number;
      do {
        if (from >= size) throw refused("a length is cut off");
        literals += more = block[from++]!;
      } while (more === 255);
    }
    if (literals > size - from) throw refused("literals reach beyond the block");
    if (literals > end - to) throw refused("it unpacks to more than it says");
    if (literals > 32) {
      out.set(block.subarray(from, from + literals), to);
      from += literals;
      to += literals;
    } else {
      for (const stop = from + literals; from < stop;) out[to++] = block[from++]!;
    }
    if (from === size) break;

    if (size - from < 2) throw refused("an offset is cut off");
    const distance = block[from]! | block[from + 1]! << 8;
    from += 2;
    if (distance === 0 || distance > to) throw refused("a match begins before the data");
    let length = (token & 15) + 4;
    if (length === 19) {
      let more: number;
      do {
        if (from >= size) throw refused("a length is cut off");
        length += more = block[from++]!;
      } while (more === 255);
    }
    if (length > end - to) throw refused("it unpacks to more than it says");
    if (distance >= length && length > 32) {
      out.copyWithin(to, to - distance, to - distance + length);
      to += length;
    } else {
      for (const stop = to + length; to < stop; to++) out[to] = out[to - distance]!;
    }
  }
  if (to !== end) throw refused(`it unpacks to ${to - start} bytes instead of ${end - start}`);
}
