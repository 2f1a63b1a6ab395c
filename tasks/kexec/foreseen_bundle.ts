import { writtenMs } from "../../lib/base/files.ts";
import type { Digest } from "../../lib/base/digest.ts";

/** What a dry run foresees of a bundle that the run would fetch. */
export interface ForeseenBundle {
  /** Its digest, where it is pinned or published. */
  digest?: Digest;
  /** Its size in bytes, where the origin tells it. */
  size?: number;
}

const byPath = new Map<string, { bundle: ForeseenBundle; writtenMs: number | undefined }>();

/** Notes what would be at a path, for what is planned next and goes by that path; `undefined` where that is there already. */
export function foreseeBundle(path: string, bundle: ForeseenBundle | undefined): void {
  if (bundle === undefined) byPath.delete(path);
  else byPath.set(path, { bundle, writtenMs: writtenMs(path) });
}

/** What would be at a path; `undefined` where nothing was foreseen of it, or what is there changed since. */
export function foreseenBundle(path: string): ForeseenBundle | undefined {
  const foreseen = byPath.get(path);
  if (foreseen === undefined || foreseen.writtenMs !== writtenMs(path)) return undefined;
  return foreseen.bundle;
}
