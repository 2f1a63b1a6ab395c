import type { Meter } from "../../lib/base/meter.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import { isNamed } from "./is_named.ts";

/** Warns of a catalog that keeps the proofs of some stores only: an entry that does not name a store counts as not published there. */
export function tellUnkept(
  entry: CatalogEntry,
  proofs: CatalogEntry["proofs"],
  catalog: string,
  meter: Meter,
): void {
  for (const { store } of proofs) {
    if (isNamed(entry, store)) continue;
    meter.note(
      `"${catalog}" did not keep that "${entry.id}" is in "${store}": the next publish there commits it again`,
      "warning",
    );
  }
}
