/**
 * The heavy work on chunks, as data that can be sent to a worker.
 *
 * Chunks come in columns; offsets into files are `Float64Array`. Where a chunk is written is a list per chunk: the places of chunk `i` are
 * `toOffsets[toStarts[i]]` up to, without it, `toOffsets[toStarts[i + 1]]`.
 *
 * @module
 */
import type { Chunker } from "./chunker.ts";

/** A file that jobs write to, told from any other that takes its name meanwhile: they fail then. */
export interface WrittenFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number | null;
}

/** Hashes ranges of a file, and holds each against the digest that it must have. */
export interface CheckJob {
  readonly type: "check";
  readonly path: string;
  readonly offsets: Float64Array<ArrayBuffer>;
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly digests: Uint8Array<ArrayBuffer>;
}

/** The result of a {@linkcode CheckJob}: 1 for each range that is right; one that the file ends in is not. */
export interface CheckResult {
  readonly right: Uint8Array<ArrayBuffer>;
}

/** Copies chunks from file to file, each only if its bytes have the digest that they must have. */
export interface CopyJob {
  readonly type: "copy";
  readonly from: string;
  readonly to: WrittenFile;
  readonly fromOffsets: Float64Array<ArrayBuffer>;
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly digests: Uint8Array<ArrayBuffer>;
  readonly toStarts: Uint32Array<ArrayBuffer>;
  readonly toOffsets: Float64Array<ArrayBuffer>;
}

/** Unpacks chunks of a part of a pack, and writes each only if its bytes have the digest that they must have. */
export interface UnpackJob {
  readonly type: "unpack";
  readonly data: Uint8Array<ArrayBuffer>;
  readonly dataOffsets: Uint32Array<ArrayBuffer>;
  readonly stored: Uint32Array<ArrayBuffer>;
  readonly to: WrittenFile;
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly digests: Uint8Array<ArrayBuffer>;
  readonly toStarts: Uint32Array<ArrayBuffer>;
  readonly toOffsets: Float64Array<ArrayBuffer>;
}

/** The result of a {@linkcode CopyJob}: 1 for each chunk that was right and was written. */
export interface WrittenResult {
  readonly written: Uint8Array<ArrayBuffer>;
}

/** The result of an {@linkcode UnpackJob}. */
export interface UnpackResult extends WrittenResult {
  /** The buffer of the job's data, to be used again: what is dropped in a worker stays in memory for long. */
  readonly buffer: ArrayBuffer;
  /** The first chunk whose frame has too large a window to be unpacked, or -1. */
  readonly tooWide: number;
}

/** Packs chunks of a file, each compressed where that saves something, into a new file or only to know what comes out. */
export interface PackJob {
  readonly type: "pack";
  readonly from: string;
  readonly offsets: Float64Array<ArrayBuffer>;
  readonly lengths: Uint32Array<ArrayBuffer>;
  readonly digests: Uint8Array<ArrayBuffer>;
  /** The new file; without one, what comes out is hashed alone. */
  readonly to: string | undefined;
  readonly level: number;
  /** How many bytes each chunk is to take; the packing ends at the first one that takes others, and has no digest then. */
  readonly expected?: Uint32Array<ArrayBuffer>;
}

/** The result of a {@linkcode PackJob}. */
export interface PackResult {
  /** How many bytes each chunk takes. */
  readonly stored: Uint32Array<ArrayBuffer>;
  /** The pack's digest. */
  readonly digest: string;
  /** The pack's size in bytes. */
  readonly size: number;
  /** The first chunk whose bytes in the file are others by now, or -1; then there is no pack. */
  readonly changed: number;
}

/** Tells which ranges of a file are zeros, and makes them so on demand. */
export interface ZeroJob {
  readonly type: "zero";
  readonly path: string;
  readonly offsets: Float64Array<ArrayBuffer>;
  readonly lengths: Float64Array<ArrayBuffer>;
  /** That file, to overwrite what is not zero; without it, nothing is written. */
  readonly to?: WrittenFile;
}

/** The result of a {@linkcode ZeroJob}: 1 for each range that was zero, as far as the file goes. */
export interface ZeroResult {
  readonly zero: Uint8Array<ArrayBuffer>;
}

/** Cuts a part of a file, as if a row began at `start`, and hashes its chunks. */
export interface ScanJob {
  readonly type: "scan";
  readonly path: string;
  readonly chunker: Chunker;
  readonly start: number;
  /** Rows that begin here or later are not wanted. */
  readonly end: number;
  /** The size of the whole file. */
  readonly sizeBytes: number;
}

/** The result of a {@linkcode ScanJob}. */
export interface ScanResult {
  /** The length of each row; of holes, negative. */
  readonly rows: Float64Array<ArrayBuffer>;
  /** The digest of each row that is not a hole, 32 bytes each. */
  readonly digests: Uint8Array<ArrayBuffer>;
}

/** Each kind of job and its result. */
export interface JobResults {
  check: CheckResult;
  copy: WrittenResult;
  unpack: UnpackResult;
  pack: PackResult;
  zero: ZeroResult;
  scan: ScanResult;
}

/** Any job. */
export type Job = CheckJob | CopyJob | UnpackJob | PackJob | ZeroJob | ScanJob;
