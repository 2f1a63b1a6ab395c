import type { BuiltPack } from "../chunk/build_pack.ts";
import type { ChunkTable } from "../chunk/chunk_table.ts";
import type { PackChunks } from "../chunk/plan_packs.ts";

/** Chunks that a push puts into a new pack. */
export interface NewPack {
  /** The chunks. */
  readonly chunks: PackChunks;
  /** What comes of them, where that is known: from an earlier push that did not end, or from the disk before. */
  readonly built: BuiltPack | undefined;
  /** Whether it is in the registry by now. */
  readonly there: boolean;
}

/** The bytes of chunks as they are in the file. */
export function plainBytes({ lengths }: ChunkTable, chunks: PackChunks): number {
  return chunks.reduce((sum, chunk) => sum + lengths[chunk]!, 0);
}
