import { UsageError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { AdaptiveLimit } from "./adaptive_limit.ts";
import { BinaryCache } from "./binary_cache.ts";
import { FileObjects } from "./file_objects.ts";
import type { PublishStore } from "./publish_store.ts";
import type { SigningKey } from "./signing_key.ts";
import { parseStoreUri, type StoreUri } from "./store_uri.ts";

/** What opening a store needs. */
export interface OpenStoreOptions {
  /** The keys that sign in every store. */
  keys: readonly SigningKey[];
  /** How long what was written may take to be seen where readers look, in milliseconds. */
  propagationMs: number;
  /** Told of each request. */
  meter: Meter;
  /** Ends every access. */
  signal: AbortSignal;
}

/** Opens a binary cache for publishing; connects to nothing yet. */
export function openStore(uri: StoreUri, options: OpenStoreOptions): PublishStore {
  const writer = objectsOf(uri);
  const reader = uri.read === undefined ? writer : objectsOf(parseStoreUri(uri.read));
  return {
    cache: new BinaryCache(writer, reader),
    limit: new AdaptiveLimit(uri.kind === "file" ? { start: 4, max: 4 } : {}),
    keys: options.keys,
    propagationMs: options.propagationMs,
  };
}

function objectsOf(uri: StoreUri): FileObjects {
  if (uri.kind === "file") return new FileObjects(uri.target);
  throw new UsageError(`Cannot publish to "${uri.shown}": this kind of store is not known`);
}
