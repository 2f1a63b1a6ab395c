import { delay } from "@std/async";
import { Hasher } from "../../base/digest.ts";
import { narPieces } from "./nar_pieces.ts";
import type { NarSummary } from "./nar_verifier.ts";

const largestPieceBytes = 1024 * 1024;
const yieldEveryBytes = 16 * 1024 * 1024;
/** What a path costs beside its bytes. */
const bytesEach = 64 * 1024;
/** How much was done since others could last run, by whichever call: many small paths take as long as a large one. */
let workBytes = 0;

/** Options of {@linkcode hashNar}. */
export interface HashNarOptions {
  /** The size of the NAR in bytes, where it is known: a small one takes a small buffer. */
  narSize?: number;
  /** Ends the hashing. */
  signal?: AbortSignal | undefined;
}

/** Hashes a file, a folder or a symlink as a NAR; lets others run now and then. */
export async function hashNar(path: string, options: HashNarOptions = {}): Promise<NarSummary> {
  const { narSize = largestPieceBytes, signal } = options;
  const hasher = new Hasher();
  workBytes += bytesEach;
  for (const piece of narPieces(path, Math.min(largestPieceBytes, Math.max(1024, narSize)))) {
    hasher.update(piece);
    if ((workBytes += piece.length) < yieldEveryBytes) continue;
    workBytes = 0;
    await delay(0);
    signal?.throwIfAborted();
  }
  return { narHash: hasher.digest(), narSize: hasher.size };
}
