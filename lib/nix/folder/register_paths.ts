import { syncTree } from "../../base/sync_tree.ts";
import { Beneath } from "./beneath.ts";
import { LoosePaths } from "./loose_paths.ts";
import type { NixFolder } from "./nix_folder.ts";
import { removeBelow } from "./remove_below.ts";
import { StoreDatabase } from "./store_database.ts";
import type { StoreRow } from "./store_row.ts";

/**
 * Makes paths valid that were placed and proven, once they are durable; whoever calls holds the lock of the folder. Where they cannot be made
 * durable they are removed: the next run would find them whole in the memory of the system, which forgets them.
 */
export async function registerPaths(folder: NixFolder, rows: readonly StoreRow[]): Promise<void> {
  if (rows.length === 0) return;
  try {
    await syncTree(folder.path);
  } catch (error) {
    await removePaths(folder, rows);
    throw error;
  }
  {
    using database = await StoreDatabase.change(folder);
    database.register(rows);
  }
  const valid = new Set(rows.map((row) => row.storePath.baseName));
  await new LoosePaths(folder).settle((baseName) => valid.has(baseName));
}

/** Removes as many as can be; what made the disk refuse them is what is told. */
async function removePaths(folder: NixFolder, rows: readonly StoreRow[]): Promise<void> {
  using beneath = new Beneath(folder.path);
  for (const { storePath } of rows) {
    await removeBelow(beneath, `store/${storePath.baseName}`).catch(() => undefined);
  }
}
