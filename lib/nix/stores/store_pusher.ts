import type { Meter } from "../../base/meter.ts";
import type { SourcePath } from "../source_path.ts";

/** What a push needs. */
export interface StorePushOptions {
  /** Told of every byte. */
  meter: Meter;
  /** Writes down what was done. */
  record: (object: string, state: string, detail?: Record<string, unknown>) => void;
  /** Ends the push. */
  signal: AbortSignal;
}

/** Brings paths into a store by a program of somebody else. Its word is not a proof: the store is read afterwards. */
export interface StorePusher {
  /** Brings the paths, which are in refs-first order. */
  push(paths: readonly SourcePath[], options: StorePushOptions): Promise<void>;
  /** Adds the signatures of our keys to paths that are there, where the program can. */
  sign?(paths: readonly SourcePath[], options: StorePushOptions): Promise<void>;
}
