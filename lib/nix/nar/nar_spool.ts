import type { Digest } from "../../base/digest.ts";
import type { NarPacking } from "./compression.ts";
import type { PackedNar } from "./packed_nar.ts";

/** A packed NAR that lies ready on this machine. */
export interface SpooledNar extends PackedNar {
  /** Where it lies; the file must not be changed. */
  path: string;
  /** Whether this run hashed every byte of it. */
  fresh?: boolean;
}

/** Keeps packed NARs, so that neither a second store nor a second run packs them again. */
export interface NarSpool {
  /** The NAR of this hash, packed that way; `undefined` where it is to be packed. */
  find(narHash: Digest, packing: NarPacking): Promise<SpooledNar | undefined>;
  /** Forgets a NAR whose bytes turned out to be others. */
  drop(nar: SpooledNar, packing: NarPacking): Promise<void>;
  /** Lends the name of a file that is not there, to pack into; what is left of it goes when the lease ends. */
  lease(): Promise<{ path: string } & AsyncDisposable>;
  /** Takes over a packed file of {@linkcode NarSpool.lease}. */
  keep(path: string, packed: PackedNar, packing: NarPacking, label: string): Promise<SpooledNar>;
}
