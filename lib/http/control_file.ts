/**
 * What is known of a partial download, beside its data.
 *
 * Invariants: the file names only bytes that were synced before it was written; one that cannot be read, or that contradicts
 * itself, is as none; it never holds a signed URL or a secret, only the digest of what was asked for.
 *
 * @module
 */
import { join } from "@std/path";
import * as v from "valibot";
import { removeIfThere, temporaryName } from "../base/atomic_file.ts";
import { lookAt, readPlainText } from "../base/files.ts";
import { type Extent, Extents } from "./extents.ts";
import type { PartSum } from "./part_sums.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.looseObject({
  version: v.literal(1),
  source: v.string(),
  size: count,
  etag: v.exactOptional(v.string()),
  lastModified: v.exactOptional(v.string()),
  done: v.array(v.strictTuple([count, count])),
  sums: v.exactOptional(v.array(v.strictTuple([count, count, count]))),
});

/** The state of a partial download. */
export interface Control {
  /** By what the source is known: the digest of its URLs or of its contents. */
  source: string;
  /** The size of the whole in bytes. */
  size: number;
  /** The strong ETag of the version that the bytes are of. */
  etag?: string;
  /** Its date. */
  lastModified?: string;
  /** The bytes that are there and synced. */
  done: Extent[];
  /** What their parts add up to, where that was kept. */
  sums?: PartSum[];
}

/** The name of the data within the folder of a partial download. */
export const dataName = "data";
const controlName = "control.json";

/**
 * Reads the state of a partial download; `undefined` where there is none that can be relied on. Of one that is whole the last byte
 * counts as missing: it is asked for again, so that the origin says whether it still has that version, and no server is asked
 * for a range beyond the end.
 */
export async function readControl(folder: string, source: string): Promise<Control | undefined> {
  const text = await readPlainText(join(folder, controlName));
  const there = lookAt(join(folder, dataName));
  if (text === undefined || !there?.isFile) return undefined;
  const parsed = v.safeParse(schema, parsedJson(text));
  if (!parsed.success) return undefined;
  const { size, etag, lastModified, done, sums } = parsed.output;
  const limit = Math.min(size, there.size);
  const sound = parsed.output.source === source &&
    [...done, ...sums ?? []].every(([start, end]) => start < end && end <= limit);
  if (!sound) return undefined;
  return {
    source,
    size,
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(sums === undefined ? {} : { sums: sums.map(([start, end, crc]) => ({ start, end, crc })) }),
    done: withoutLastByte(new Extents(done.map(([start, end]) => ({ start, end }))), size),
  };
}

/** What a text says in JSON; `undefined` where it is none. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What is there, but for the last byte of a whole file. */
function withoutLastByte(done: Extents, size: number): Extent[] {
  if (done.prefix < size) return [...done];
  return size < 2 ? [] : [{ start: 0, end: size - 1 }];
}

/** Writes the state of a partial download, whole or not at all. */
export async function writeControl(folder: string, control: Control): Promise<void> {
  const { done, sums, ...rest } = control;
  const path = join(folder, controlName);
  const temporary = temporaryName(path);
  const data = {
    version: 1,
    ...rest,
    done: done.map(({ start, end }) => [start, end]),
    ...(sums === undefined ? {} : { sums: sums.map(({ start, end, crc }) => [start, end, crc]) }),
  };
  try {
    await Deno.writeTextFile(temporary, JSON.stringify(data));
    await Deno.rename(temporary, path);
  } catch (error) {
    // What the disk says is told, not that nothing can be removed there either.
    await removeIfThere(temporary).catch(() => undefined);
    throw error;
  }
}
