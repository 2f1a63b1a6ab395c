import { syncTree } from "../../base/sync_tree.ts";
import { LoosePaths } from "./loose_paths.ts";
import type { NixFolder } from "./nix_folder.ts";
import { StoreDatabase } from "./store_database.ts";
import type { StoreRow } from "./store_row.ts";

/** Makes paths valid that were placed and proven, once they are durable; whoever calls holds the lock of the folder. */
export async function registerPaths(folder: NixFolder, rows: readonly StoreRow[]): Promise<void> {
  if (rows.length === 0) return;
  await syncTree(folder.path);
  {
    using database = await StoreDatabase.change(folder);
    database.register(rows);
  }
  const valid = new Set(rows.map((row) => row.storePath.baseName));
  await new LoosePaths(folder).settle((baseName) => valid.has(baseName));
}
