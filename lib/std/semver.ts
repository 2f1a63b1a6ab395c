/** The typed doorway to `@std/semver`. @module */
import * as semver from "deno-std/semver/mod.js";

/** A version. */
export interface SemVer {
  /** The first number. */
  major: number;
  /** The second number. */
  minor: number;
  /** The third number. */
  patch: number;
}

/** A range of versions; to be handed on, not looked into. */
export type Range = readonly (readonly object[])[];

/** Reads a version; `undefined` if it is none. */
export const tryParse: (text: string) => SemVer | undefined = semver.tryParse;
/** Reads a range; `undefined` if it is none. */
export const tryParseRange: (text: string) => Range | undefined = semver.tryParseRange;
/** Whether a version lies in a range. */
export const satisfies: (version: SemVer, range: Range) => boolean = semver.satisfies;
