import { chunkLimits } from "../chunk/chunker.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { LocalSource, Located } from "../chunk/locate_chunks.ts";
import { digestsOf } from "../chunk/places.ts";
import { TableBuilder } from "../chunk/table_builder.ts";
import type { DiskPullPlan } from "./plan_pull.ts";
import { readJournal, writeJournal } from "./pull_journal.ts";

/**
 * Copies aside what a pull in place needs from places that it may overwrite, and writes down where it is. Only then may the
 * file be changed: whenever the pull is cut off, the next one finds these chunks again.
 */
export async function saveMoved(
  plan: DiskPullPlan,
  pool: JobPool,
): Promise<{ located: Located; sources: readonly LocalSource[] }> {
  const { located, file, out } = plan;
  const { index } = plan.image;
  const moved: number[] = [];
  located.source.forEach((number, chunk) => {
    const own = number > 1 && plan.sources[number - 1]!.path === out;
    const saved = number > 1 && plan.sources[number - 1]!.path === file.saved;
    if (own || saved) moved.push(chunk);
  });
  const journal = await readJournal(file);
  if (moved.length === 0 && journal === undefined) {
    await writeJournal(file, { manifest: plan.image.manifest.digest, table: emptyTable() });
    return plan;
  }
  const builder = new TableBuilder(savedChunker);
  const fresh = `${file.saved}.next`;
  (await Deno.open(fresh, { write: true, create: true, truncate: true })).close();
  let offset = 0;
  const next: Located = { source: located.source.slice(), offset: located.offset.slice() };
  const sources = [...plan.sources, { path: file.saved, table: emptyTable() }];
  const offsets = new Float64Array(index.lengths.length);
  for (const chunk of moved) {
    builder.chunk(index.digests, chunk, index.lengths[chunk]!);
    offsets[chunk] = offset;
    offset += index.lengths[chunk]!;
  }
  for (const from of new Set(moved.map((chunk) => located.source[chunk]! - 1))) {
    const chunks = moved.filter((chunk) => located.source[chunk] === from + 1);
    for (let at = 0; at < chunks.length; at += 256) {
      const batch = chunks.slice(at, at + 256);
      await pool.run({
        type: "copy",
        from: plan.sources[from]!.path,
        to: fresh,
        fromOffsets: Float64Array.from(batch, (chunk) => located.offset[chunk]!),
        lengths: Uint32Array.from(batch, (chunk) => index.lengths[chunk]!),
        digests: digestsOf(index, batch),
        toStarts: Uint32Array.from({ length: batch.length + 1 }, (_, i) => i),
        toOffsets: Float64Array.from(batch, (chunk) => offsets[chunk]!),
      });
    }
  }
  await syncFile(fresh);
  await Deno.rename(fresh, file.saved);
  await writeJournal(file, {
    manifest: plan.image.manifest.digest,
    table: moved.length === 0 ? emptyTable() : builder.table(),
  });
  for (const chunk of moved) {
    next.source[chunk] = sources.length;
    next.offset[chunk] = offsets[chunk]!;
  }
  return { located: next, sources };
}

const savedChunker = {
  kind: "cdc",
  minBytes: chunkLimits.min,
  avgBytes: chunkLimits.min,
  maxBytes: chunkLimits.max,
} as const;

function emptyTable() {
  const builder = new TableBuilder(savedChunker);
  builder.hole(1);
  return builder.table();
}

/** Makes the data of a file durable. */
async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  await file.syncData();
}
