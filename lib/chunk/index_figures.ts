import type { Chunker } from "./chunker.ts";
import { enterPage, freeFile } from "./diff_indexes.ts";
import { DigestStarts } from "./digest_starts.ts";
import type { IndexHead, IndexTaker } from "./read_index.ts";

/** How much of everything an index speaks of. */
export interface IndexFigures {
  /** How the file was cut. */
  readonly chunker: Chunker;
  /** The size of the file in bytes. */
  readonly size: number;
  /** How many bytes of it are data. */
  readonly dataBytes: number;
  /** Different chunks. */
  readonly chunks: number;
  /** Their bytes. */
  readonly chunkBytes: number;
  /** Their bytes as they are stored. */
  readonly storedBytes: number;
  /** Holes. */
  readonly holes: number;
  /** Packs. */
  readonly packs: number;
  /** Their bytes. */
  readonly packBytes: number;
}

/** Takes the figures of an index alone. */
export function takeFigures(head: IndexHead): IndexTaker<IndexFigures> {
  const { chunker, size, counts, packSizes } = head;
  const starts = new DigestStarts(counts.chunks);
  let [chunkBytes, storedBytes] = [0, 0];
  return {
    wantsOffsets: false,
    page(page) {
      enterPage(starts, page);
      chunkBytes += total(page.lengths);
      storedBytes += total(page.stored);
    },
    refuseTwice: () => starts[Symbol.dispose](),
    file(file) {
      freeFile(file);
      const { dataBytes } = file;
      const { chunks, holes, packs } = counts;
      const packBytes = total(packSizes);
      return { chunker, size, dataBytes, chunks, chunkBytes, storedBytes, holes, packs, packBytes };
    },
  };
}

function total(column: Uint32Array): number {
  return column.reduce((sum, value) => sum + value, 0);
}
