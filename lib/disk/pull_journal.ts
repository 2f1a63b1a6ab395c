import { decodeBase64, encodeBase64 } from "@std/encoding";
import { writeFileAtomic } from "../base/atomic_file.ts";
import { isReadOnly } from "../base/files.ts";
import type { ChunkTable } from "../chunk/chunk_table.ts";
import { type Chunker, chunkLimits } from "../chunk/chunker.ts";
import { decodeLocalTable } from "../chunk/decode_index.ts";
import { encodeIndex } from "../chunk/encode_index.ts";
import { TableBuilder } from "../chunk/table_builder.ts";
import { type DiskFile, ownFile } from "./disk_file.ts";
import * as v from "valibot";

/** What the journal of a pull in place says. */
export interface PullJournal {
  /** The manifest that was being pulled. */
  readonly manifest: string;
  /** The file of saved chunks. */
  readonly saved: string;
  /** What lies in it. */
  readonly table: ChunkTable;
}

const journalSchema = v.object({
  version: v.literal(1),
  manifest: v.string(),
  next: v.optional(v.boolean(), false),
  table: v.string(),
});

/** The journal of a pull in place that did not end; `undefined` if there is none that can be read. */
export async function readJournal(file: DiskFile): Promise<PullJournal | undefined> {
  if (ownFile(file.journal) === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(await Deno.readTextFile(file.journal));
    const { manifest, next, table } = v.parse(journalSchema, json);
    const saved = file.saved[next ? 1 : 0];
    return { manifest, saved, table: decodeLocalTable(decodeBase64(table)) };
  } catch {
    return undefined; // It is damaged: then nothing that was saved can be found again.
  }
}

/** Writes the journal of a pull in place, before the first byte of the file is changed. */
export async function writeJournal(file: DiskFile, journal: PullJournal): Promise<void> {
  const table = encodeBase64(encodeIndex(journal.table));
  await writeFileAtomic(
    file.journal,
    JSON.stringify({
      version: 1,
      manifest: journal.manifest,
      next: journal.saved === file.saved[1],
      table,
    }),
  );
}

/** Writes a journal of no chunks, which says that the file is not whole; where this user may not write beside it, nothing does. */
export async function sayBegun(file: DiskFile, manifest: string): Promise<void> {
  try {
    await writeJournal(file, { manifest, saved: file.saved[0], table: emptyTable() });
  } catch (error) {
    if (!isReadOnly(error)) throw error;
  }
}

/** A table that holds no chunk. */
export function emptyTable(): ChunkTable {
  const builder = new TableBuilder(savedChunker);
  builder.hole(1);
  return builder.table();
}

/** The lengths that saved chunks may have: those of any disk. */
export const savedChunker: Chunker = {
  kind: "cdc",
  minBytes: chunkLimits.min,
  avgBytes: chunkLimits.min,
  maxBytes: chunkLimits.max,
};
