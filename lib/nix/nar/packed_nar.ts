import type { Digest } from "../../base/digest.ts";

/** What a NAR became when it was packed. */
export interface PackedNar {
  /** The sha256 of the NAR. */
  narHash: Digest;
  /** The size of the NAR, in bytes. */
  narSize: number;
  /** The sha256 of the packed file. */
  fileHash: Digest;
  /** The size of the packed file, in bytes. */
  fileSize: number;
}
