import { freeMemory } from "../base/free_memory.ts";
import { refuseIndex } from "./check_index.ts";
import type { Chunker } from "./chunker.ts";
import { digestAt } from "./digest_column.ts";
import { DigestStarts } from "./digest_starts.ts";
import type { IndexFile, IndexHead, IndexPage, IndexTaker } from "./read_index.ts";

/** What two indexes have in common, by different chunks. */
export interface IndexDiff {
  /** Chunks of the second that the first has too. */
  commonChunks: number;
  /** Their bytes. */
  commonBytes: number;
  /** Chunks of the second that the first lacks. */
  newChunks: number;
  /** Their bytes. */
  newBytes: number;
  /** Their bytes as they are stored. */
  newStoredBytes: number;
}

/** The chunks of an index, to compare others with. */
export interface KnownIndex {
  /** How its file was cut. */
  readonly chunker: Chunker;
  /** The digests of its chunks. */
  readonly starts: DigestStarts;
}

/** Takes of an index what {@linkcode takeDiff} compares with. */
export function takeKnown({ chunker, counts }: IndexHead): IndexTaker<KnownIndex> {
  const starts = new DigestStarts(counts.chunks);
  return {
    wantsOffsets: false,
    page: (page) => enterPage(starts, page),
    refuseTwice() {},
    file(file) {
      freeFile(file);
      return { chunker, starts };
    },
  };
}

/** Takes of an index how it differs from another one: what one must fetch who has all chunks of that. */
export function takeDiff(
  from: KnownIndex,
): (head: IndexHead) => IndexTaker<IndexDiff & { chunker: Chunker }> {
  return ({ chunker, counts }) => {
    const diff = { commonChunks: 0, commonBytes: 0, newChunks: 0, newBytes: 0, newStoredBytes: 0 };
    const own = new DigestStarts(counts.chunks);
    return {
      wantsOffsets: false,
      page(page) {
        enterPage(own, page);
        page.lengths.forEach((length, at) => {
          if (from.starts.has(page.digests, at)) {
            diff.commonChunks++;
            diff.commonBytes += length;
          } else {
            diff.newChunks++;
            diff.newBytes += length;
            diff.newStoredBytes += page.stored[at]!;
          }
        });
      },
      refuseTwice: () => own[Symbol.dispose](),
      file(file) {
        freeFile(file);
        return { chunker, ...diff };
      },
    };
  };
}

/**
 * Enters the chunks of a page.
 *
 * @throws {VerificationError} if one was there before
 */
export function enterPage(starts: DigestStarts, { digests, lengths }: IndexPage): void {
  for (let at = 0; at < lengths.length; at++) {
    if (starts.add(digests, at)) refuseIndex(`chunk ${digestAt(digests, at)} is there twice`);
  }
}

/** Gives back the memory of what is not wanted. */
export function freeFile({ lengths, rows, rowOffsets }: IndexFile): void {
  for (const column of [lengths, rows, rowOffsets]) freeMemory(column);
}
