/**
 * What must hold of a store before anybody is told that it is whole.
 *
 * @module
 */
import { KedgeError, VerificationError } from "../base/errors.ts";
import type { NixFolder } from "../nix/folder/nix_folder.ts";
import type { StoreRow } from "../nix/folder/store_row.ts";
import { isStoreBaseName } from "../nix/store_path.ts";
import { proveNar } from "../nix/folder/store_stage.ts";

const sampleBytes = 64 * 1024 * 1024;
const samplePaths = 16;

/**
 * Every row has its path.
 *
 * @returns the paths that have no row: what a build has under way, or left behind
 * @throws {VerificationError} if a row has no path
 */
export async function checkRows(
  folder: NixFolder,
  rows: Iterable<string>,
  signal: AbortSignal,
): Promise<string[]> {
  const there = new Set<string>();
  for await (const { name } of Deno.readDir(folder.store)) there.add(name);
  signal.throwIfAborted();
  const valid = new Set(rows);
  const missing = [...valid].filter((name) => !there.has(name));
  if (missing.length === 0) {
    return [...there].filter((name) => isStoreBaseName(name) && !valid.has(name)).sort();
  }
  throw new VerificationError(
    `Cannot use the store "${folder.store}": ${missing.length} paths are valid and not there, as "${
      missing[0]
    }"`,
    { hint: "nix-store --verify makes Nix forget them", data: { missing } },
  );
}

/** Some of the rows, chosen anew each time: few, and of few bytes. */
export function sampleOf(rows: readonly StoreRow[]): StoreRow[] {
  const left = [...rows];
  const sample: StoreRow[] = [];
  let bytes = 0;
  while (left.length > 0 && sample.length < samplePaths) {
    const [row] = left.splice(Math.floor(Math.random() * left.length), 1);
    if (bytes + row!.narSize > sampleBytes) continue;
    bytes += row!.narSize;
    sample.push(row!);
  }
  return sample;
}

/**
 * Hashes paths that are there.
 *
 * @throws {VerificationError} if one is not what its row says
 */
export async function checkContents(
  folder: NixFolder,
  rows: readonly StoreRow[],
  signal: AbortSignal,
): Promise<void> {
  for (const row of rows) {
    const path = folder.pathOf(row.storePath.baseName);
    try {
      await proveNar(path, row, signal);
    } catch (cause) {
      if (!(cause instanceof KedgeError)) throw cause;
      const hint = `something changed it; remove "${path}", and the next run brings it again`;
      throw new VerificationError(cause.message, { cause, hint, data: cause.data });
    }
  }
}
