import * as crypto from "node:crypto";
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
  const data = read(path, start, scanner.room(limit - start));
  const rows: number[] = [];
  const digests = new Uint8Array(32 * Math.ceil(data.length / chunker.minBytes + 1));
  let [chunks, at] = [0, start];
  const final = limit === sizeBytes;
  scanner.scan(data.length, final, {
    chunk: (from, to) => {
      if (at >= end) return;
      digests.set(sha256(data.subarray(from, to)), 32 * chunks++);
      rows.push(to - from);
      at += to - from;
    },
    hole: (length) => {
      if (at >= end) return;
      rows.push(-length);
      at += length;
    },
  });
  return { rows: Float64Array.from(rows), digests: digests.slice(0, 32 * chunks) };
}

/** As many of the bytes as the file has. */
function read(path: string, start: number, data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path);
  file.seekSync(start, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < data.length) {
    const count = file.readSync(data.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return data.subarray(0, filled);
}

function sha256(data: Uint8Array): Uint8Array {
  return crypto.createHash("sha256").update(data).digest();
}
