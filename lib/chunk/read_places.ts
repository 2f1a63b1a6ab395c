import { checkIndex, refuseIndex } from "./check_index.ts";
import { indexLimits } from "./index_layout.ts";

/**
 * Where the chunks of an index lie: one after the other in their packs.
 *
 * @throws {VerificationError} if one lies outside its pack, or takes more than its length
 */
export function readPlaces(columns: {
  packSizes: Uint32Array;
  perPack: Uint32Array;
  lengths: Uint32Array;
  stored: Uint32Array;
  gaps: Uint32Array;
}): { packs: Uint32Array<ArrayBuffer>; offsets: Uint32Array<ArrayBuffer> } {
  const { packSizes, perPack, lengths, stored, gaps } = columns;
  const count = lengths.length;
  const packs = new Uint32Array(count);
  const offsets = new Uint32Array(count);
  let chunk = 0;
  for (let pack = 0; pack < packSizes.length; pack++) {
    const size = packSizes[pack]!;
    checkIndex(size > 0 && size <= indexLimits.packBytes, `pack ${pack} has ${size} bytes`);
    const last = chunk + perPack[pack]!;
    let offset = 0;
    for (; chunk < last; chunk++) {
      offset += gaps[chunk]!;
      const length = stored[chunk]!;
      if (length === 0 || length > lengths[chunk]!) {
        refuseIndex(`chunk ${chunk} of ${lengths[chunk]} bytes takes ${length}`);
      }
      if (offset + length > size) {
        refuseIndex(`chunk ${chunk} ends outside its pack of ${size} bytes`);
      }
      packs[chunk] = pack;
      offsets[chunk] = offset;
      offset += length;
    }
  }
  return { packs, offsets };
}
