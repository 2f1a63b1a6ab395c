import type { BenchData } from "./data.ts";

/** What each part of the bench works with. */
export interface Bench {
  /** The disks. */
  readonly data: BenchData;
  /** A folder for what is made. */
  readonly work: string;
  /** A running registry, `127.0.0.1:port`. */
  readonly host: string;
  /** How often each way is measured. */
  readonly rounds: number;
}
