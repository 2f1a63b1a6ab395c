import { inParallel } from "../base/in_parallel.ts";
import { syncData } from "../base/sync_data.ts";
import { clearPlace, leaveNothing } from "./disk_file.ts";
import type { WrittenFile } from "../chunk/job.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { Located, SourceFile } from "../chunk/locate_chunks.ts";
import { digestsOf } from "../chunk/places.ts";
import { TableBuilder } from "../chunk/table_builder.ts";
import type { Step } from "../operation/operation.ts";
import { modeOf } from "./out_file.ts";
import type { DiskPullPlan } from "./plan_pull.ts";
import { emptyTable, readJournal, savedChunker, writeJournal } from "./pull_journal.ts";
import { tellReading } from "./tell_reading.ts";

type MovingPlan = Pick<DiskPullPlan, "file" | "located" | "out" | "sources">;

/** The chunks that a pull in place needs from places that it may overwrite, or that an earlier one saved. */
function movedChunks({ located, sources, file, out }: MovingPlan): number[] {
  const moved: number[] = [];
  located.source.forEach((number, chunk) => {
    const path = number > 1 ? sources[number - 1]!.path : undefined;
    if (path !== undefined && [out, ...file.saved].includes(path)) moved.push(chunk);
  });
  return moved;
}

/** How much room {@linkcode saveMoved} takes, in bytes, where its chunks have these lengths. */
export function bytesToSave(plan: MovingPlan, lengths: Uint32Array): number {
  return movedChunks(plan).reduce((sum, chunk) => sum + lengths[chunk]!, 0);
}

/**
 * Copies aside what a pull in place needs from places that it may overwrite, and writes down where it is. Only then may the
 * file be changed: whenever the pull is cut off, the next one finds these chunks again, or those that an earlier one saved.
 */
export async function saveMoved(
  plan: DiskPullPlan,
  pool: JobPool,
  step: Step,
): Promise<{ located: Located; sources: readonly SourceFile[] }> {
  const { located, file } = plan;
  const { index } = plan.image;
  const moved = movedChunks(plan);
  const journal = await readJournal(file);
  if (moved.length === 0 && journal === undefined) {
    const [saved] = file.saved;
    await writeJournal(file, { manifest: plan.image.manifest.digest, saved, table: emptyTable() });
    return plan;
  }
  const isNext = journal?.saved === file.saved[0];
  const [saved, left] = isNext ? [file.saved[1], file.saved[0]] : file.saved;
  const builder = new TableBuilder(savedChunker);
  await clearPlace(saved);
  const options = { write: true, create: true, truncate: true, ...modeOf(file.info) };
  const to = await madeFile(saved, options);
  let offset = 0;
  const next: Located = { source: located.source.slice(), offset: located.offset.slice() };
  const sources = [...plan.sources, { path: saved }];
  const offsets = new Float64Array(index.lengths.length);
  for (const chunk of moved) {
    builder.chunk(index.digests, chunk, index.lengths[chunk]!);
    offsets[chunk] = offset;
    offset += index.lengths[chunk]!;
  }
  const tell = tellReading(step.meter, plan.out, offset);
  await inParallel(batchesOf(moved, located), pool.width, step.signal, async (batch) => {
    const lengths = Uint32Array.from(batch, (chunk) => index.lengths[chunk]!);
    await pool.run({
      type: "copy",
      from: plan.sources[located.source[batch[0]!]! - 1]!.path,
      to,
      fromOffsets: Float64Array.from(batch, (chunk) => located.offset[chunk]!),
      lengths,
      digests: digestsOf(index, batch),
      toStarts: Uint32Array.from({ length: batch.length + 1 }, (_, i) => i),
      toOffsets: Float64Array.from(batch, (chunk) => offsets[chunk]!),
    });
    tell(lengths.reduce((sum, length) => sum + length, 0));
  });
  await syncData(saved);
  await writeJournal(file, {
    manifest: plan.image.manifest.digest,
    saved,
    table: moved.length === 0 ? emptyTable() : builder.table(),
  });
  await leaveNothing(left);
  for (const chunk of moved) {
    next.source[chunk] = sources.length;
    next.offset[chunk] = offsets[chunk]!;
  }
  return { located: next, sources };
}

/** Chunks of one source, some hundred at a time. */
function* batchesOf(chunks: readonly number[], { source }: Located): Generator<number[]> {
  for (const from of new Set(chunks.map((chunk) => source[chunk]!))) {
    const ofSource = chunks.filter((chunk) => source[chunk] === from);
    for (let at = 0; at < ofSource.length; at += 256) yield ofSource.slice(at, at + 256);
  }
}

/** Makes a file, which is to be written. */
async function madeFile(path: string, options: Deno.OpenOptions): Promise<WrittenFile> {
  using file = await Deno.open(path, options);
  const { dev, ino } = await file.stat();
  return { path, dev, ino };
}
