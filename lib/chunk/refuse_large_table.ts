import { formatBytes } from "../base/bytes.ts";
import { UsageError } from "../base/errors.ts";
import type { ChunkTable } from "./chunk_table.ts";
import { chunkLimits } from "./chunker.ts";
import { indexLimits } from "./index_layout.ts";

/**
 * Refuses a table of more chunks or rows than a reader of an index takes.
 *
 * @throws {UsageError} if there are more
 */
export function refuseLargeTable({ chunker, lengths, rows }: ChunkTable): void {
  if (lengths.length <= indexLimits.chunks && rows.length <= indexLimits.rows) return;
  const { kind, avgBytes } = chunker;
  const cut = kind === "fixed" ? "blocks of" : "chunks of about";
  throw new UsageError(
    `Cannot cut the file into ${cut} ${
      formatBytes(avgBytes)
    }: ${lengths.length} different ones in ` +
      `${rows.length} rows are more than an index holds`,
    4 * avgBytes < chunkLimits.max ? { hint: `push with --chunk-size ${avgBytes / 512}KiB` } : {},
  );
}
