import * as crypto from "node:crypto";
import type { CopyJob, HashJob, Job, JobResults, PackJob, UnpackJob, ZeroJob } from "./job.ts";
import { scanSegment } from "./scan_segment.ts";
import { isZero } from "./zeros.ts";
import { freeBytes, zstdCompress, zstdDecompress } from "./zstd.ts";

const bufferBytes = 1024 * 1024;

/** Does a job in this thread. Everything in it is synchronous, so that a worker does one thing at a time. */
export function runJob<J extends Job>(job: J): JobResults[J["type"]];
export function runJob(job: Job): JobResults[keyof JobResults] {
  switch (job.type) {
    case "hash":
      return hash(job);
    case "copy":
      return copy(job);
    case "unpack":
      return unpack(job);
    case "pack":
      return pack(job);
    case "zero":
      return zero(job);
    case "scan":
      return scanSegment(job);
  }
}

function hash(job: HashJob): JobResults["hash"] {
  using file = Deno.openSync(job.path);
  const digests = new Uint8Array(job.lengths.length * 32);
  const buffer = new Uint8Array(maximum(job.lengths));
  for (let at = 0; at < job.lengths.length; at++) {
    const data = buffer.subarray(0, job.lengths[at]!);
    if (readAt(file, job.offsets[at]!, data)) digests.set(sha256(data), at * 32);
  }
  return { digests };
}

function copy(job: CopyJob): JobResults["copy"] {
  using from = Deno.openSync(job.from);
  using to = Deno.openSync(job.to, { write: true });
  const written = new Uint8Array(job.lengths.length);
  const buffer = new Uint8Array(maximum(job.lengths));
  for (let at = 0; at < job.lengths.length; at++) {
    const data = buffer.subarray(0, job.lengths[at]!);
    if (!readAt(from, job.fromOffsets[at]!, data)) continue;
    if (!isDigest(data, job.digests, at)) continue;
    writeTo(to, job, at, data);
    written[at] = 1;
  }
  return { written };
}

function unpack(job: UnpackJob): JobResults["unpack"] {
  using to = Deno.openSync(job.to, { write: true });
  const written = new Uint8Array(job.lengths.length);
  for (let at = 0; at < job.lengths.length; at++) {
    const start = job.dataOffsets[at]!;
    const packed = job.data.subarray(start, start + job.stored[at]!);
    const data = unpackChunk(packed, job.lengths[at]!);
    if (data === undefined) continue;
    if (isDigest(data, job.digests, at)) {
      writeTo(to, job, at, data);
      written[at] = 1;
    }
    if (data !== packed) freeBytes(data);
  }
  return { written, buffer: job.data.buffer };
}

function unpackChunk(
  packed: Uint8Array<ArrayBuffer>,
  length: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (packed.length === length) return packed;
  try {
    return zstdDecompress(packed, length, "a chunk");
  } catch {
    return undefined; // Whoever asked is told that this chunk is not right, and names it.
  }
}

/** The file is not synced: that would keep this thread from the next one. */
function pack(job: PackJob): JobResults["pack"] {
  const count = job.lengths.length;
  const stored = new Uint32Array(count);
  const digest = crypto.createHash("sha256");
  using from = Deno.openSync(job.from);
  using to = Deno.openSync(job.to, { write: true, create: true, truncate: true });
  const buffer = new Uint8Array(maximum(job.lengths));
  const out = new Uint8Array(bufferBytes);
  let [filled, size] = [0, 0];
  const put = (bytes: Uint8Array) => {
    digest.update(bytes);
    writeAll(to, bytes);
    size += bytes.length;
  };
  for (let at = 0; at < count; at++) {
    const data = buffer.subarray(0, job.lengths[at]!);
    if (!readAt(from, job.offsets[at]!, data) || !isDigest(data, job.digests, at)) {
      return { stored, digest: "", size: 0, changed: at };
    }
    const packed = packChunk(data, job.level);
    stored[at] = packed.length;
    if (filled + packed.length > out.length) {
      put(out.subarray(0, filled));
      filled = 0;
    }
    if (packed.length > out.length) {
      put(packed);
    } else {
      out.set(packed, filled);
      filled += packed.length;
    }
    if (packed !== data) freeBytes(packed);
  }
  put(out.subarray(0, filled));
  return { stored, digest: `sha256:${digest.digest("hex")}`, size, changed: -1 };
}

/** A chunk as it is stored: compressed where that saves a thirty-second part, else as it is. */
function packChunk(data: Uint8Array<ArrayBuffer>, level: number): Uint8Array<ArrayBuffer> {
  const packed = zstdCompress(data, level);
  if (packed.length < data.length - (data.length >>> 5)) return packed;
  freeBytes(packed);
  return data;
}

function zero(job: ZeroJob): JobResults["zero"] {
  using file = Deno.openSync(job.path, { read: true, write: job.write });
  const zeros = new Uint8Array(job.offsets.length);
  const buffer = new Uint8Array(bufferBytes);
  const blank = job.write ? new Uint8Array(bufferBytes) : buffer;
  for (let range = 0; range < job.offsets.length; range++) {
    let at = job.offsets[range]!;
    const end = at + job.lengths[range]!;
    zeros[range] = 1;
    while (at < end) {
      file.seekSync(at, Deno.SeekMode.Start);
      const count = file.readSync(buffer.subarray(0, Math.min(bufferBytes, end - at)));
      if (count === null) break;
      if (!isZero(buffer, 0, count)) {
        zeros[range] = 0;
        if (!job.write) break;
        file.seekSync(at, Deno.SeekMode.Start);
        writeAll(file, blank.subarray(0, count));
      }
      at += count;
    }
  }
  return { zero: zeros };
}

function writeTo(
  file: Deno.FsFile,
  job: { toStarts: Uint32Array; toOffsets: Float64Array },
  at: number,
  data: Uint8Array,
): void {
  for (let place = job.toStarts[at]!; place < job.toStarts[at + 1]!; place++) {
    file.seekSync(job.toOffsets[place]!, Deno.SeekMode.Start);
    writeAll(file, data);
  }
}

function writeAll(file: Deno.FsFile, data: Uint8Array): void {
  for (let at = 0; at < data.length;) at += file.writeSync(data.subarray(at));
}

/** Fills the buffer from a place in the file; `false` where the file ends before. */
function readAt(file: Deno.FsFile, offset: number, buffer: Uint8Array): boolean {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let at = 0; at < buffer.length;) {
    const count = file.readSync(buffer.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return true;
}

function sha256(data: Uint8Array): Uint8Array {
  return crypto.createHash("sha256").update(data).digest();
}

function isDigest(data: Uint8Array, digests: Uint8Array, at: number): boolean {
  const digest = sha256(data);
  for (let i = 0; i < 32; i++) if (digest[i] !== digests[at * 32 + i]) return false;
  return true;
}

function maximum(lengths: Uint32Array): number {
  let most = 0;
  for (const length of lengths) if (length > most) most = length;
  return most;
}
