import { KedgeError } from "../../base/errors.ts";
import { sortClosure } from "../program/closure.ts";
import { nixStoreDir } from "./nix_folder.ts";
import type { StoreRow } from "./store_row.ts";

/**
 * The rows of the named paths, with all that they need, each after what it needs.
 *
 * @param only whether nothing but the named paths is wanted
 * @throws {KedgeError} if a path is not valid
 */
export function rowClosure(
  valid: ReadonlyMap<string, StoreRow>,
  names: Iterable<string>,
  where: string,
  only = false,
): StoreRow[] {
  const found = new Map<string, StoreRow>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue;
    const row = valid.get(name);
    if (row === undefined) {
      throw new KedgeError(`Cannot copy "${nixStoreDir}/${name}": it is not valid in ${where}`, {
        side: "source",
        hint: "build it there first",
      });
    }
    found.set(name, row);
    if (!only) open.push(...row.references);
  }
  if (only) return [...found.values()];
  const sorted = sortClosure([...found.values()]);
  return sorted.map((info) => found.get(info.storePath.baseName)!);
}
