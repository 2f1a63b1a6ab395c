import { checkIndex, refuseIndex } from "./check_index.ts";
import type { Chunker } from "./chunker.ts";
import { indexLimits } from "./index_layout.ts";

/**
 * Where the chunks of a pack lie in it: one after the other. The offsets take the place of the gaps.
 *
 * @throws {VerificationError} if one lies outside the pack, takes more than its length, or has none that the chunker makes
 */
export function readPlaces(of: {
  chunker: Chunker;
  pack: number;
  packBytes: number;
  /** The number of the first chunk. */
  first: number;
  lengths: Uint32Array;
  stored: Uint32Array;
  gaps: Uint32Array;
}): Uint32Array {
  const { chunker, pack, packBytes, first, lengths, stored, gaps } = of;
  checkIndex(
    packBytes > 0 && packBytes <= indexLimits.packBytes,
    `pack ${pack} has ${packBytes} bytes`,
  );
  let offset = 0;
  for (let at = 0; at < lengths.length; at++) {
    offset += gaps[at]!;
    const [length, takes] = [lengths[at]!, stored[at]!];
    if (length === 0 || length > chunker.maxBytes) {
      refuseIndex(`chunk ${first + at} has ${length} bytes`);
    }
    if (takes === 0 || takes > length) {
      refuseIndex(`chunk ${first + at} of ${length} bytes takes ${takes}`);
    }
    if (offset + takes > packBytes) {
      refuseIndex(`chunk ${first + at} ends outside its pack of ${packBytes} bytes`);
    }
    gaps[at] = offset;
    offset += takes;
  }
  return gaps;
}
