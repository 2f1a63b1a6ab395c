import { UsageError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { AdaptiveLimit } from "./adaptive_limit.ts";
import { BinaryCache } from "./binary_cache.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import { FileObjects } from "./file_objects.ts";
import { type HttpCredentials, httpCredentials } from "../http/http_credentials.ts";
import { HttpObjects } from "./http_objects.ts";
import type { PublishStore } from "./publish_store.ts";
import type { PublicKey, SigningKey } from "./signing_key.ts";
import { parseStoreUri, type StoreUri } from "./store_uri.ts";

/** What opening a store needs. */
export interface OpenStoreOptions {
  /** The keys that sign in it. */
  keys: readonly SigningKey[];
  /** Further keys whose signatures must be there. */
  publicKeys: readonly PublicKey[];
  /** How long what was written may take to be seen where readers look, in milliseconds. */
  propagationMs: number;
  /** How requests are tried again. */
  retry?: RetryPolicy | undefined;
  /** How long a connection may stand still, in milliseconds. */
  stallMs?: number | undefined;
  /** Told of each request. */
  meter: Meter;
  /** Ends every access. */
  signal: AbortSignal;
}

/** A store that was named, with what lets kedge in. */
export interface PreparedStore {
  /** The store. */
  uri: StoreUri;
  /** What lets kedge in. */
  credentials: HttpCredentials;
  /** Where readers find it, if that is elsewhere. */
  read?: { uri: StoreUri; credentials: HttpCredentials };
}

/**
 * Reads what is needed to get into a store; asks no server.
 *
 * @throws {UsageError} if a file or variable that its URI names is not there
 */
export async function prepareStore(uri: StoreUri): Promise<PreparedStore> {
  const prepared: PreparedStore = { uri, credentials: await credentialsOf(uri) };
  if (uri.read === undefined) return prepared;
  const read = parseStoreUri(uri.read);
  if (read.kind !== "http" && read.kind !== "file") {
    throw new UsageError(`Cannot read from "${read.shown}": it is neither a folder nor HTTP`);
  }
  return { ...prepared, read: { uri: read, credentials: await credentialsOf(read) } };
}

/** Opens a binary cache for publishing; connects to nothing yet. */
export function openStore(prepared: PreparedStore, options: OpenStoreOptions): PublishStore {
  const { uri, credentials, read } = prepared;
  const limit = new AdaptiveLimit(uri.kind === "file" ? { start: 4, max: 4 } : {});
  const writer = objectsOf(uri, credentials, options, limit);
  const reader = read === undefined
    ? writer
    : objectsOf(read.uri, read.credentials, options, limit);
  return {
    cache: new BinaryCache(writer, reader),
    limit,
    keys: options.keys,
    publicKeys: [...options.keys.map((key) => key.publicKey), ...options.publicKeys],
    propagationMs: options.propagationMs,
    [Symbol.dispose]: () => {
      for (const objects of new Set([writer, reader])) {
        if (objects instanceof HttpObjects) objects[Symbol.dispose]();
      }
    },
  };
}

async function credentialsOf(uri: StoreUri): Promise<HttpCredentials> {
  return uri.kind === "http" ? await httpCredentials(uri) : { secrets: [] };
}

function objectsOf(
  uri: StoreUri,
  credentials: HttpCredentials,
  { meter, signal, retry, stallMs }: OpenStoreOptions,
  limit: AdaptiveLimit,
): FileObjects | HttpObjects {
  if (uri.kind === "file") return new FileObjects(uri.target);
  if (uri.kind === "http") {
    const { authorization, tls } = credentials;
    const onCongestion = () => limit.congested();
    return new HttpObjects({
      url: uri.target,
      authorization,
      tls,
      retry,
      stallMs,
      onCongestion,
      meter,
      signal,
    });
  }
  throw new UsageError(`Cannot publish to "${uri.shown}": this kind of store is not known`);
}
