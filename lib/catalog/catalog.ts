/** What a catalog can do: keep entries, and one pointer a name and system, which says what version is current. */
import type { CatalogEntry, CatalogEntryDraft } from "./catalog_entry.ts";

/** Options of every access. */
export interface CatalogOptions {
  /** Ends the access. */
  signal?: AbortSignal | undefined;
}

/** Options of {@linkcode Catalog.commit}. */
export interface CommitOptions extends CatalogOptions {
  /** The same for the same contents: a commit that is sent twice is one. */
  idempotencyKey: string;
}

/** What names an entry. */
export interface EntryName {
  /** The package. */
  name: string;
  /** Its version. */
  version: string;
  /** The system that it runs on: `x86_64-linux`. */
  system: string;
}

/** Which entries are wanted. */
export interface EntryFilter {
  /** Only of this package. */
  name?: string | undefined;
  /** Only of this version. */
  version?: string | undefined;
  /** Only for this system. */
  system?: string | undefined;
}

/** One move of a pointer. */
export interface HistoryLine {
  /** The package. */
  name: string;
  /** The system. */
  system: string;
  /** The version that it was moved to. */
  version: string;
  /** Why: a publish, or a rollback. */
  action: "publish" | "rollback";
  /** When, in ISO 8601. */
  at: string;
}

/** Keeps the entries of published packages. You can write your own. */
export interface Catalog extends AsyncDisposable {
  /**
   * What it is, for people; it holds no secret. No other catalog may be called so, nor may it change: stores note by it who publishes to them, and
   * a prune takes nothing that another catalog may need.
   */
  readonly url: string;
  /** How many requests each access takes: 0 for a file. */
  readonly requestsEach: number;
  /** The entry of a name, with the proofs of all its stores, or with none where it keeps none; or `undefined`. */
  find(name: EntryName, options?: CatalogOptions): Promise<CatalogEntry | undefined>;
  /**
   * Fails as a commit would, where the system does not let this user write; writes nothing, and finds only what can be told beforehand.
   *
   * @throws {NotAllowedError} if it may not be written
   */
  foresee?(): Promise<void>;
  /**
   * Keeps an entry and makes its version the current one. An entry of the same name and store paths gets the new proofs.
   *
   * @throws {CatalogConflictError} if the name stands for other store paths
   */
  commit(draft: CatalogEntryDraft, options: CommitOptions): Promise<CatalogEntry>;
  /** The entries that match, newest first. */
  list(filter?: EntryFilter, options?: CatalogOptions): Promise<CatalogEntry[]>;
}

/** A catalog whose pointers can be moved back, and whose entries can be forgotten. */
export interface CatalogWithHistory extends Catalog {
  /** The moves of a package's pointers, newest first. */
  history(name: string, options?: CatalogOptions): Promise<HistoryLine[]>;
  /**
   * Makes another version the current one, if `from` still is.
   *
   * @throws {CatalogConflictError} if it was moved meanwhile
   */
  point(to: EntryName, from: string, options?: CatalogOptions): Promise<CatalogEntry>;
  /**
   * Forgets entries, none of them current.
   *
   * @throws {CatalogConflictError} if one of them is current
   */
  forget(names: readonly EntryName[], options?: CatalogOptions): Promise<void>;
}
