import { VerificationError } from "../base/errors.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { DiskSource } from "./disk_store.ts";

/** Reads a blob; where its bytes are wrong, once more, if they can be had from elsewhere then. */
export async function orElsewhere<T>(
  source: DiskSource,
  blob: DiskBlob,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof VerificationError) || !source.distrust?.(blob)) throw error;
    return await read();
  }
}
