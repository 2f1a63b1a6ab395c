import * as crypto from "node:crypto";
import { freeMemory } from "../base/free_memory.ts";
import { readAt } from "./file_pieces.ts";
import { GearCutter } from "./gear_cutter.ts";
import type { ScanJob, ScanResult } from "./job.ts";
import { Scanner } from "./scanner.ts";

/** One for all segments: what is dropped in a worker stays in memory for long. */
let cutter: GearCutter | undefined;

/**
 * Cuts a part of a file and hashes its chunks, in one pass over its bytes. Gives every row that begins before the end of the part; the
 * last one may reach beyond it.
 */
export function scanSegment({ path, chunker, start, end, sizeBytes }: ScanJob): ScanResult {
  const scanner = new Scanner(chunker, cutter ??= new GearCutter());
  const limit = Math.min(sizeBytes, chunker.kind === "fixed" ? end : end + scanner.carryBytes);
  using file = Deno.openSync(path);
  const room = scanner.room(limit - start);
  const data = room.subarray(0, readAt(file, start, room));
  const rows: number[] = [];
  const digests = new Uint8Array(32 * Math.ceil(data.length / chunker.minBytes + 1));
  let [chunks, at] = [0, start];
  const final = limit === sizeBytes;
  scanner.scan(data.length, final, {
    chunk: (from, to) => {
      if (at >= end) return;
      const digest = crypto.hash("sha256", data.subarray(from, to), "hex");
      digests.subarray(32 * chunks++).setFromHex(digest);
      rows.push(to - from);
      at += to - from;
    },
    hole: (length) => {
      if (at >= end) return;
      rows.push(-length);
      at += length;
    },
  });
  const found = { rows: Float64Array.from(rows), digests: digests.slice(0, 32 * chunks) };
  freeMemory(digests);
  return found;
}
