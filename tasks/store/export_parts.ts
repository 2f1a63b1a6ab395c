import type { Selection } from "./export_plan.ts";
import type { ExportStoreOptions } from "./copy_store.ts";
import type { AskingStep } from "./nix_place.ts";
import type { StoreEnd } from "./store_end.ts";

/** What an export to one kind of store is made of. */
export interface ExportParts<K extends StoreEnd["kind"]> {
  /** What was asked for. */
  readonly options: ExportStoreOptions;
  /** Where it goes. */
  readonly end: StoreEnd & { kind: K };
  /** What it is about, for people. */
  readonly subject: string;
  /** Finds the paths that are exported. */
  readonly select: (step: AskingStep) => Promise<Selection>;
}
