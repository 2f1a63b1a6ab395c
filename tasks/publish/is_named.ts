import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";

/** Whether an entry says that it was proven in a store; one of a catalog that keeps no proofs may have been in any. */
export function isNamed({ proofs }: CatalogEntry, store: string): boolean {
  if (!Array.isArray(proofs) || proofs.length === 0) return true;
  return proofs.some((proof) => proof.store === store);
}
