import { formatBytes } from "../base/bytes.ts";
import { UsageError } from "../base/errors.ts";

/** How data is cut: into blocks of one length, or where the content says so. */
export type ChunkerKind = "fixed" | "cdc";

/** A chunker and its lengths in bytes; of a fixed one all three are the block length. */
export interface Chunker {
  /** How it cuts. */
  readonly kind: ChunkerKind;
  /** No chunk is shorter, but the last of a run of data. */
  readonly minBytes: number;
  /** The length that chunks have in the mean, a power of two. */
  readonly avgBytes: number;
  /** No chunk is longer. */
  readonly maxBytes: number;
}

/** The limits of a chunk's length, in bytes. */
export const chunkLimits = { min: 4096, max: 16 * 1024 * 1024 } as const;

const defaultChunks = 2 ** 19;

/**
 * The chunker of a kind for data of a size. Without a length it takes 64 KiB, and for data of more than 32 GiB the
 * next power of two that keeps the table at half a million chunks.
 *
 * @param avgBytes the block length, or the mean length: a power of two from 4 KiB (content-defined: 16 KiB) to 4 MiB
 * @throws {UsageError} if the length is none of these
 *
 * @example
 * ```ts
 * import { chunkerFor } from "./chunker.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(chunkerFor("cdc", 1e9).minBytes, 16384);
 * assertEquals(chunkerFor("fixed", 100 * 2 ** 30).avgBytes, 262144);
 * ```
 */
export function chunkerFor(kind: ChunkerKind, sizeBytes: number, avgBytes?: number): Chunker {
  let avg = avgBytes ?? 65536;
  if (avgBytes === undefined) { while (sizeBytes / avg > defaultChunks && avg < 2 ** 22) avg *= 2; }
  const smallest = kind === "fixed" ? chunkLimits.min : chunkLimits.min * 4;
  if (!Number.isInteger(Math.log2(avg)) || avg < smallest || avg > chunkLimits.max / 4) {
    throw new UsageError(
      `Cannot cut into chunks of ${avg} bytes: not a power of two from ${
        formatBytes(smallest)
      } to ${formatBytes(chunkLimits.max / 4)}`,
      { hint: "give --chunk-size as 64KiB, 256KiB or 1MiB" },
    );
  }
  return kind === "fixed"
    ? { kind, minBytes: avg, avgBytes: avg, maxBytes: avg }
    : { kind, minBytes: avg / 4, avgBytes: avg, maxBytes: avg * 4 };
}

/** Whether two chunkers cut the same data at the same places. */
export function sameChunker(a: Chunker, b: Chunker): boolean {
  return a.kind === b.kind && a.minBytes === b.minBytes && a.avgBytes === b.avgBytes &&
    a.maxBytes === b.maxBytes;
}

/** How a chunker cuts, in words: `in blocks of 64 KiB`. */
export function chunkerInWords({ kind, minBytes, avgBytes, maxBytes }: Chunker): string {
  return kind === "fixed"
    ? `in blocks of ${formatBytes(avgBytes)}`
    : `by content into ${formatBytes(minBytes)} to ${formatBytes(maxBytes)}`;
}
