import type { Meter } from "../../base/meter.ts";
import type { NarPacking } from "../nar/compression.ts";
import type { NarInfo } from "../nar/nar_info.ts";
import type { NarPacker } from "../nar/nar_packer.ts";
import type { NarSpool } from "../nar/nar_spool.ts";

/** What moving needs. */
export interface MoveClosureOptions {
  /** How NARs are packed. */
  packing: NarPacking;
  /** Packs them. */
  packer: NarPacker;
  /** Keeps them. */
  spool: NarSpool;
  /** Told of every byte. */
  meter: Meter;
  /** Writes down what was done. */
  record: (object: string, state: string, detail?: Record<string, unknown>) => void;
  /** Ends the moving. */
  signal: AbortSignal;
}

/** What was written to a store: the narinfo of each path that lacked something, by base name. */
export type WrittenNarInfos = ReadonlyMap<string, NarInfo>;
