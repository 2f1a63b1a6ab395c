import { KedgeError } from "../../base/errors.ts";
import { folderNames, isNotThere } from "../../base/files.ts";
import { hasStoreModes } from "./has_store_modes.ts";
import type { NixFolder } from "./nix_folder.ts";
import { StoreDatabase } from "./store_database.ts";
import type { StoreRow } from "./store_row.ts";
import { proveNar } from "./store_stage.ts";

/** What a folder has, and lacks, of some paths. */
export interface StoreDifference {
  /** All valid paths of the folder, by base name. */
  valid: Map<string, StoreRow>;
  /** Those that must be written. */
  missing: StoreRow[];
  /** Those that lie there whole and read-only, and are not valid: a killed run left them. */
  left: StoreRow[];
  /** Those that are valid and there; as the folder's own database knows them. */
  present: StoreRow[];
  /** Whether a path is valid and there, wanted or not. */
  isThere: (baseName: string) => boolean;
}

/**
 * Compares the paths of one store with what a folder has; writes nothing.
 *
 * @throws {KedgeError} if the folder's database is damaged, or of another schema
 */
export async function storeDifference(
  wanted: Iterable<StoreRow>,
  folder: NixFolder | undefined,
  signal: AbortSignal,
): Promise<StoreDifference> {
  using database = folder === undefined
    ? undefined
    : await StoreDatabase.read(folder.databaseFolder);
  const valid = database?.rows() ?? new Map<string, StoreRow>();
  const there = new Set(folder === undefined ? [] : await folderNames(folder.store));
  const isThere = (baseName: string) => valid.has(baseName) && there.has(baseName);
  const difference: StoreDifference = { valid, missing: [], left: [], present: [], isThere };
  for (const row of wanted) {
    const { baseName } = row.storePath;
    const known = valid.get(baseName);
    if (known !== undefined && there.has(baseName)) difference.present.push(known);
    else if (known === undefined && there.has(baseName)) {
      const isWhole = await isProven(folder!.pathOf(baseName), row, signal);
      difference[isWhole ? "left" : "missing"].push(row);
    } else difference.missing.push(row);
  }
  return difference;
}

async function isProven(path: string, row: StoreRow, signal: AbortSignal): Promise<boolean> {
  try {
    await proveNar(path, row, signal);
    return await hasStoreModes(path);
  } catch (error) {
    // It is another one, or holds what no store path can hold, or somebody removes it.
    if (error instanceof KedgeError || isNotThere(error)) return false;
    throw error;
  }
}
