import type { Catalog, CatalogWithHistory, HistoryLine } from "../../lib/catalog/catalog.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import type { SomeRetryPolicy } from "../../lib/http/whole_retry_policy.ts";
import type { VerifyDepth } from "../../lib/nix/stores/verify_store.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { PublishNixOptions, SigningKeySource } from "./publish.ts";

/** Options of {@linkcode publishVerify}. */
export interface PublishVerifyOptions {
  /** `NAME` (its current version), `NAME@VERSION` or `NAME@VERSION/SYSTEM`. */
  entry: string;
  /** The catalog that holds it: its URI, or one of your own. */
  catalog: string | Catalog;
  /** Only these of its stores, with their logins. @default {all stores of the entry} */
  stores?: readonly string[] | undefined;
  /** Whether what is lost is brought back: from another store, or from this machine. @default {false} */
  repair?: boolean | undefined;
  /** How deep the proof goes. @default {"present"} */
  depth?: VerifyDepth | undefined;
  /** Keys, `NAME:BASE64`, whose signatures every narinfo must have. @default {none} */
  publicKeys?: readonly string[] | undefined;
  /** Signs what is mended. */
  signingKey?: SigningKeySource | readonly SigningKeySource[] | undefined;
  /** How requests are tried again. */
  retry?: SomeRetryPolicy | undefined;
  /** Where the Nix store of this machine is, for repairs. */
  nix?: PublishNixOptions | undefined;
}

/** What was proven. */
export interface PublishVerifyResult extends Figures {
  /** The entry's id. */
  id: string;
  /** For each store, how many paths were broken there. */
  stores: readonly { store: string; broken: number }[];
}

/**
 * Proves again that every store of an entry holds its whole closure, and brings back what is lost if that is asked for.
 *
 * @throws {UsageError} if there is no such entry
 * @throws {IncompleteError} if something is lost, and is not to be mended or cannot be
 * @throws {VerificationError} if something is not what was published
 */
export async function publishVerify(
  options: PublishVerifyOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishVerifyResult> {
  const { runPublishVerify } = await import("./verify_operation.ts");
  return await runPublishVerify(options, ctx);
}

/** Options of {@linkcode publishRollback}. */
export interface PublishRollbackOptions {
  /** The package. */
  name: string;
  /** The catalog whose pointer is moved back: its URI, or one of your own that has a history. */
  catalog: string | CatalogWithHistory;
  /** The version to go back to. @default {the one that was current before the current one; rolled back again, the one before that} */
  version?: string | undefined;
  /** The system. @default {that of this machine} */
  system?: string | undefined;
}

/** What was rolled back. */
export interface PublishRollbackResult extends Figures {
  /** The id of the entry that is current now. */
  id: string;
  /** The version that was current before. */
  from: string;
}

/**
 * Moves a catalog's pointer back to an earlier version, after every store of it was proven to hold it still.
 *
 * @throws {UsageError} if there is no version to go back to
 * @throws {IncompleteError} if a store has lost something of it
 * @throws {CatalogConflictError} if somebody else moved the pointer meanwhile
 */
export async function publishRollback(
  options: PublishRollbackOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishRollbackResult> {
  const { runPublishRollback } = await import("./rollback_operation.ts");
  return await runPublishRollback(options, ctx);
}

/** Options of {@linkcode publishPrune}. */
export interface PublishPruneOptions {
  /** The catalog that says what is live: its URI, or one of your own that has a history. */
  catalog: string | CatalogWithHistory;
  /** The `file://` stores that paths are deleted from. */
  stores: readonly string[];
  /** The other catalogs that publish to these stores: what their entries need stays. @default {[]} */
  otherCatalogs?: readonly (string | Catalog)[] | undefined;
  /** How many versions of each package and system stay beside the current one, newest first. */
  keep: number;
}

/** What was deleted. */
export interface PublishPruneResult extends Figures {
  /** The ids of the entries that the catalog forgot. */
  forgotten: readonly string[];
  /** For each store, how many paths and bytes went. */
  stores: readonly { store: string; paths: number; bytes: number }[];
}

/**
 * Makes the catalog forget old entries, then deletes from `file://` stores the paths that no live entry needs. What a publish in
 * progress counts on is pinned, and stays; what killed runs were writing there and left goes too. Each publish notes its catalog in the
 * stores: nothing goes where another one publishes that is not named.
 *
 * @throws {UsageError} if a store is no folder, another catalog publishes there, or `keep` is no whole number
 */
export async function publishPrune(
  options: PublishPruneOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishPruneResult> {
  const { runPublishPrune } = await import("./prune_operation.ts");
  return await runPublishPrune(options, ctx);
}

/** Options of {@linkcode publishKeygen}. */
export interface PublishKeygenOptions {
  /** The key's name: `cache.acme.dev-1`. */
  name: string;
  /** The file that the secret key is written to; it must not be there. */
  file: string;
  /** Stores whose readers will trust the key, for the lines that are printed. @default {[]} */
  stores?: readonly string[] | undefined;
}

/** A new key. */
export interface PublishKeygenResult {
  /** The file with the secret key. */
  file: string;
  /** The public key: `NAME:BASE64`; empty in a dry run, which makes none. */
  publicKey: string;
  /** The lines for the readers' `nix.conf`; none in a dry run. */
  lines: readonly string[];
}

/**
 * Makes a new pair of keys: the secret one goes into a file that only its owner may read.
 *
 * @throws {UsageError} if the name is not allowed, the file is there already, or its folder is not there
 */
export async function publishKeygen(
  options: PublishKeygenOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishKeygenResult> {
  const { runPublishKeygen } = await import("./keygen_files.ts");
  return await runPublishKeygen(options, ctx);
}

/** Options of {@linkcode catalogList}. */
export interface CatalogListOptions {
  /** The catalog: its URI, or one of your own. */
  catalog: string | Catalog;
  /** Only of this package, `NAME`, `NAME@VERSION` or `NAME@VERSION/SYSTEM`. @default {all} */
  entry?: string | undefined;
}

/**
 * The entries of a catalog, newest first.
 *
 * @throws {UsageError} if no kind of catalog goes by such a URI, `entry` is no name of one, or the catalog is behind a network offline
 * @throws {UnreachableError} if the catalog cannot be reached
 */
export async function catalogList(
  options: CatalogListOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogEntry[]> {
  const { runCatalogList } = await import("./catalog_reading.ts");
  return await runCatalogList(options, ctx);
}

/** Options of {@linkcode catalogShow}. */
export interface CatalogShowOptions {
  /** The catalog: its URI, or one of your own that has a history. */
  catalog: string | CatalogWithHistory;
  /** `NAME` (its current version), `NAME@VERSION` or `NAME@VERSION/SYSTEM`. */
  entry: string;
}

/** An entry with all that is known of it. */
export interface CatalogShowResult {
  /** The entry, with its closure and its proofs. */
  entry: CatalogEntry;
  /** The moves of the package's pointers, newest first. */
  history: readonly HistoryLine[];
}

/**
 * One entry, its proofs and the history of its package.
 *
 * @throws {UsageError} if there is no such entry
 */
export async function catalogShow(
  options: CatalogShowOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogShowResult> {
  const { runCatalogShow } = await import("./catalog_reading.ts");
  return await runCatalogShow(options, ctx);
}
