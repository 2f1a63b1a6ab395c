import { UsageError } from "../../base/errors.ts";
import { inTheWay } from "../../base/in_the_way.ts";
import type { StoreUri } from "./store_uri.ts";

/**
 * Refuses a `file://` store where no folder can be, since a file, or a link to nothing, has its name or that of a folder above it. Other stores are not looked
 * at, nor is what this process may not look at: that shows when it is written.
 *
 * @throws {UsageError} naming the file
 */
export async function checkStoreFolder({ kind, target, shown }: StoreUri): Promise<void> {
  if (kind !== "file") return;
  const path = await inTheWay(target);
  if (path === undefined) return;
  throw new UsageError(`Cannot use "${shown}" as a store: "${path}" is not a folder`, {
    hint: "name a folder; a publish makes it where it is not there",
  });
}
