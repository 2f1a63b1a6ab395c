import { UsageError, VerificationError } from "../../lib/base/errors.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { Catalog, CatalogWithHistory } from "../../lib/catalog/catalog.ts";
import { type CatalogEntry, parseEntryId } from "../../lib/catalog/catalog_entry.ts";
import { openCatalog } from "../../lib/catalog/open_catalog.ts";
import { prepareCatalog } from "../../lib/catalog/prepare_catalog.ts";
import { contentAddress } from "../../lib/nix/content_address.ts";
import { parseNixHash } from "../../lib/nix/nix_hash.ts";
import { openStore } from "../../lib/nix/stores/open_store.ts";
import { prepareStore } from "../../lib/nix/stores/prepare_store.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import type { PublicKey, SigningKey } from "../../lib/nix/signing_key.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import { isStoreBaseName, parseStorePath } from "../../lib/nix/store_path.ts";
import { parseStoreUri, type StoreUri } from "../../lib/nix/stores/store_uri.ts";
import { type SomeRetryPolicy, wholeRetryPolicy } from "../../lib/http/whole_retry_policy.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { nixMemory } from "../shared/nix_memory.ts";
import { checkPublishOffline } from "./offline.ts";
import { countedCatalog } from "./own_catalog.ts";
import { thisSystem } from "./this_system.ts";
import { PublishSpool } from "./spool.ts";

/**
 * Opens the catalog of a URI for a task; its secrets are kept out of all that is shown. One that the caller made stays open afterwards.
 *
 * @throws {UsageError} if no kind of catalog goes by such a URI
 */
export async function catalogOf<C extends Catalog = CatalogWithHistory>(
  uri: string | C,
  context: TaskContext,
  retry?: SomeRetryPolicy,
): Promise<(meter: Meter) => Promise<CatalogWithHistory | C>> {
  if (typeof uri !== "string") return (meter) => Promise.resolve(countedCatalog(uri, meter));
  checkPublishOffline(context, [], uri);
  const prepared = await prepareCatalog(uri);
  for (const secret of prepared.secrets) context.redactor.add(secret);
  const how = retry === undefined ? {} : { retry: wholeRetryPolicy(retry) };
  return (meter) => openCatalog(prepared, { meter, signal: context.signal, ...how });
}

/**
 * The entry that a text names: `NAME` (the current version), `NAME@VERSION` or `NAME@VERSION/SYSTEM`.
 *
 * @throws {UsageError} if the catalog has none such
 */
export async function findEntry(
  catalog: Catalog,
  text: string,
  signal: AbortSignal,
): Promise<CatalogEntry> {
  const { name, version, system = thisSystem() } = parseEntryId(text);
  const entries = version === undefined
    ? (await catalog.list({ name, system }, { signal })).filter((entry) => entry.current)
    : [await catalog.find({ name, version, system }, { signal })];
  const [entry] = entries;
  if (entry !== undefined) return entry;
  throw new UsageError(`Cannot find "${text}": "${catalog.url}" has no such entry for ${system}`, {
    hint: "see what there is with catalog:ls",
  });
}

/** The closure of an entry as the stores must have it. */
export function closureOf(entry: CatalogEntry, physical: (path: string) => string): SourcePath[] {
  return entry.closure.map(({ path, narHash, narSize, references }) => {
    const strange = references.find((name) => !isStoreBaseName(name));
    if (strange !== undefined) {
      throw new VerificationError(
        `Cannot trust the entry "${entry.id}": "${path}" needs ${
          JSON.stringify(strange.slice(0, 100))
        }, which is not a store path`,
      );
    }
    const storePath = parseStorePath(path);
    const hash = parseNixHash(narHash);
    // An entry does not say what is content-addressed, but the path does.
    const { path: addressed, ca } = contentAddress(storePath.name, hash, "nar", storePath.storeDir);
    return {
      storePath,
      narHash: hash,
      narSize,
      references,
      signatures: [],
      ...(references.length === 0 && addressed === path ? { ca } : {}),
      files: physical(path),
    };
  });
}

/** How stores of an entry are opened. */
export interface EntryStoresOptions {
  /** The stores with their logins; each must be one that the entry was published to. */
  stores: readonly string[];
  /** The keys that sign what is mended. */
  keys: readonly SigningKey[];
  /** The keys whose signatures must be there. */
  publicKeys: readonly PublicKey[];
  /** How requests are tried again. */
  retry?: SomeRetryPolicy | undefined;
}

/**
 * Opens the stores that an entry was published to: those that are named, or all of them.
 *
 * @throws {UsageError} if the entry was not published to one that is named
 * @throws {VerificationError} if the entry says how one is to be opened
 */
export async function entryStores(
  entry: CatalogEntry,
  options: EntryStoresOptions,
  context: TaskContext,
): Promise<(meter: Meter) => Promise<PublishStore[]>> {
  const named = options.stores.map(parseStoreUri);
  for (const uri of named) {
    if (entry.proofs.some((proof) => proof.store === uri.shown)) continue;
    throw new UsageError(`Cannot look at "${uri.shown}": "${entry.id}" was not published there`, {
      hint: `it was published to ${entry.proofs.map((proof) => proof.store).join(", ")}`,
    });
  }
  const uris = named.length > 0 ? named : entry.proofs.map(({ store, read }) => {
    // What a command wrote is looked at where it is read.
    if (store.startsWith("exec:")) return storeOfEntry(read, entry);
    const uri = storeOfEntry(store, entry);
    if (read === store) return uri;
    storeOfEntry(read, entry);
    return { ...uri, read };
  });
  checkPublishOffline(context, uris, undefined);
  const retry = wholeRetryPolicy(options.retry);
  const prepared = await Promise.all(uris.map(prepareStore));
  for (const { credentials, read } of prepared) {
    for (const secret of [...credentials.secrets, ...read?.credentials.secrets ?? []]) {
      context.redactor.add(secret);
    }
  }
  return (meter) =>
    Promise.all(prepared.map((store) =>
      openStore(store, {
        keys: options.keys,
        publicKeys: options.publicKeys,
        propagationMs: 0,
        sessions: new PublishSpool(context.cache),
        makeMemory: nixMemory(context),
        retry,
        meter,
        signal: context.signal,
      })
    ));
}

/** A store as an entry names it: the place alone. A parameter would have the catalog choose the file, or the variable, that is sent there. */
function storeOfEntry(text: string, { id }: CatalogEntry): StoreUri {
  const uri = parseStoreUri(text);
  if (uri.shown === text) return uri;
  throw new VerificationError(
    `Cannot trust the entry "${id}": it says more of the store "${uri.shown}" than where it is`,
    { hint: "if that is right, name the store yourself with --to, and with its parameters" },
  );
}
