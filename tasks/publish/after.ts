import type { Catalog, CatalogWithHistory } from "../../lib/catalog/catalog.ts";
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
  /** Whether what is missing or damaged is restored, from another store or from this machine. @default {false} */
  repair?: boolean | undefined;
  /** How NARs are verified: present with their size, or read back in full. @default {"present"} */
  depth?: VerifyDepth | undefined;
  /** Public keys, `NAME:BASE64`, that must have signed every narinfo. @default {none} */
  publicKeys?: readonly string[] | undefined;
  /** Signs what is restored. */
  signingKey?: SigningKeySource | readonly SigningKeySource[] | undefined;
  /** How requests of the stores and of the catalog are tried again. */
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
 * Verifies again that every store of an entry holds its whole closure; with `repair`, restores what is missing or damaged.
 *
 * @throws {UsageError} if there is no such entry
 * @throws {IncompleteError} if something is missing, and `repair` is not set or cannot restore it
 * @throws {VerificationError} if something is not what was published
 *
 * @example
 * ```ts
 * import { publish, publishVerify } from "@kedge/kedge";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/hello.txt`, "hello");
 * const catalog = `sqlite://${dir}/catalog.db`;
 * const hello = { name: "hello", paths: [`${dir}/hello.txt`], stores: [`file://${dir}/cache`], catalog };
 * await publish({ ...hello, version: "1.0.0" });
 * const { stores } = await publishVerify({ entry: "hello@1.0.0", catalog, depth: "full" });
 * console.log(stores); // [{ store: "file:///...", broken: 0 }]
 * ```
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
  /** The version to go back to. @default {the version that was current before; a second rollback goes back one further} */
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
 * Moves a catalog's pointer back to an earlier version, after verifying that every store of that version still holds it.
 *
 * @throws {UsageError} if there is no version to go back to
 * @throws {IncompleteError} if a store has lost something of it
 * @throws {CatalogConflictError} if somebody else moved the pointer meanwhile
 *
 * @example
 * ```ts
 * import { publish, publishRollback } from "@kedge/kedge";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/hello.txt`, "hello");
 * const catalog = `sqlite://${dir}/catalog.db`;
 * const hello = { name: "hello", paths: [`${dir}/hello.txt`], stores: [`file://${dir}/cache`], catalog };
 * await publish({ ...hello, version: "1.0.0" });
 * await Deno.writeTextFile(`${dir}/hello.txt`, "hello, world");
 * await publish({ ...hello, version: "2.0.0" });
 * const { id, from } = await publishRollback({ name: "hello", catalog }); // back to 1.0.0 from 2.0.0
 * ```
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
  /** The catalog, whose remaining entries tell what is still needed: its URI, or one of your own that has a history. */
  catalog: string | CatalogWithHistory;
  /** The `file://` stores that paths are deleted from. */
  stores: readonly string[];
  /** The other catalogs that publish to these stores: what their entries need stays. @default {[]} */
  otherCatalogs?: readonly (string | Catalog)[] | undefined;
  /** How many versions of each package and system are kept beside the current one, the newest first: a whole number from 0 on. */
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
 * Deletes old entries from a catalog, then from `file://` stores the paths that no other entry needs.
 *
 * What a running publish to `file://` relies on is pinned there, and stays. What killed runs left behind in a store is deleted too. Each
 * publish to `file://` notes its catalog there: nothing is deleted from a store that a catalog publishes to which is not named here. A publish
 * that reaches the same folder over HTTP can neither pin nor note: prune while none runs, since it may find a path gone and have to be run again, and
 * name its catalog here.
 *
 * @throws {UsageError} if a store is not a `file://` folder, a catalog that is not named publishes there, or `keep` is not a whole number from 0 on
 * @throws {NotAllowedError} if who publishes there may not be read
 *
 * @example
 * ```ts
 * import { publish, publishPrune } from "@kedge/kedge";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/hello.txt`, "hello");
 * const catalog = `sqlite://${dir}/catalog.db`;
 * const hello = { name: "hello", paths: [`${dir}/hello.txt`], stores: [`file://${dir}/cache`], catalog };
 * await publish({ ...hello, version: "1.0.0" });
 * await Deno.writeTextFile(`${dir}/hello.txt`, "hello, world");
 * await publish({ ...hello, version: "2.0.0" });
 * const { forgotten } = await publishPrune({ catalog, stores: hello.stores, keep: 0 }); // 1.0.0
 * ```
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
  /** The file that the secret key is written to; it must not exist yet, and its folder must. */
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
 * Creates a pair of Ed25519 signing keys in Nix's format, and writes the secret one to a file that only its owner may read.
 *
 * @throws {UsageError} if the name is not allowed, the file exists already, or its folder does not exist
 *
 * @example
 * ```ts
 * import { publishKeygen } from "@kedge/kedge";
 *
 * const file = `${await Deno.makeTempDir()}/cache.key`;
 * const stores = ["https://cache.acme.dev"];
 * const { lines } = await publishKeygen({ name: "cache.acme.dev-1", file, stores });
 * console.log(lines.join("\n")); // for the nix.conf of readers
 * ```
 */
export async function publishKeygen(
  options: PublishKeygenOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishKeygenResult> {
  const { runPublishKeygen } = await import("./keygen_files.ts");
  return await runPublishKeygen(options, ctx);
}
