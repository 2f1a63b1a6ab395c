/**
 * What a pointer says: as it lies on the disk, and as it was read.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";

/** The envelope of a pointer as it lies on the disk, fields of newer versions included. */
export interface Envelope {
  /** What it is the pointer of. */
  key: string;
  /** When it was first written: an ISO time. */
  created: string;
  /** When it was last written or confirmed: an ISO time. */
  updated: string;
  /** Who wrote it. */
  by: string;
  /** The blobs and archives that it needs. */
  refs: Digest[];
  /** Those of the refs that it can do without. */
  spare?: Digest[];
  /** What it says. */
  value: unknown;
  /** What newer versions add. */
  [field: string]: unknown;
}

/** An envelope, or why there is none. */
export type EnvelopeFound = { envelope: Envelope; miss?: never } | {
  envelope?: never;
  miss: EntryMiss;
};

/** The same, and when its pointer was last used, written or confirmed, in milliseconds since 1970. */
export type EnvelopeRead = EnvelopeFound & { usedMs: number };

/** A pointer that was read. */
export interface EntryRecord<T> {
  /** What it is the pointer of: a URL, a reference, a store path. */
  key: string;
  /** What it says. */
  value: T;
  /** The blobs and archives that it needs. */
  refs: readonly Digest[];
  /** Those of them that it can do without: a version to go back to, what can be unpacked again. */
  spare: readonly Digest[];
  /** Who put it there, in words: a task and its subject. */
  by: string;
  /** When it was first written, in milliseconds since 1970. */
  createdMs: number;
  /** When it was last written or confirmed, in milliseconds since 1970. */
  updatedMs: number;
  /** Whether it came from the read-only layer below. */
  lower: boolean;
}

/** Why there is nothing to be had. */
export type EntryMiss =
  | { reason: "absent" }
  /** `denied`: it may be sound, but the system does not let this user read it. */
  | { reason: "unreadable"; detail: string; denied?: true };

/** What {@linkcode CacheEntry.lookup} finds. */
export type EntryLookup<T> = { record: EntryRecord<T>; miss?: never } | {
  record?: never;
  miss: EntryMiss;
};
