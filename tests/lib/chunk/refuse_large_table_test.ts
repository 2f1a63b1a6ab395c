import { assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import type { ChunkTable } from "../../../lib/chunk/chunk_table.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { refuseLargeTable } from "../../../lib/chunk/refuse_large_table.ts";

/** A table of so many chunks and rows, which holds nothing else. */
function table(chunks: number, rows: number): ChunkTable {
  return {
    chunker: chunkerFor("fixed", 0, 4096),
    size: rows * 4096,
    digests: new Uint8Array(),
    lengths: new Uint32Array(chunks),
    rows: new Uint32Array(rows),
    rowOffsets: new Float64Array(),
  };
}

Deno.test("refuseLargeTable() refuses what no reader of an index would take, and names the next length", () => {
  refuseLargeTable(table(2 ** 22, 2 ** 23));
  for (const  of of[table(2 ** 22 + 1, 2 ** 22 + 1), table(1, 2 ** 23 + 1)]) {
    const error = assertThrows(() => refuseLargeTable(of), UsageError, "blocks of 4 KiB");
    if (!error.hint?.includes("--chunk-size 8KiB")) throw error;
  }
});
