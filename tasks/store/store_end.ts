/**
 * The other end of an export or an import: a binary cache, or a store of the Nix of this machine.
 *
 * @module
 */
import type { OptionShape } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { nixStoreDir } from "../../lib/nix/folder/nix_folder.ts";
import { parseStoreUri, type StoreUri } from "../../lib/nix/stores/store_uri.ts";
import { parseStorePath } from "../../lib/nix/store_path.ts";

/** What the options of an export and of an import must be, as far as both have them. */
export const copyShapes = {
  closure: "switch",
  engine: "object",
  nix: "object",
} as const satisfies Record<string, OptionShape>;

/** A store that was named. */
export type StoreEnd = { kind: "cache"; uri: StoreUri; shown: string } | {
  kind: "nix";
  store: string;
  shown: string;
};

/**
 * The store that a URI names.
 *
 * @throws {UsageError} if it is none that can be read and written here
 */
export function storeEnd(text: string): StoreEnd {
  const uri = parseStoreUri(text);
  if (uri.kind === "file" || uri.kind === "http" || uri.kind === "s3") {
    return { kind: "cache", uri, shown: uri.shown };
  }
  if (uri.kind === "nix" && /^(daemon|local|auto|unix)\b/.test(text)) {
    return { kind: "nix", store: text, shown: uri.shown };
  }
  throw new UsageError(`Cannot use the store "${uri.shown}" here: it is of another kind`, {
    hint: "a binary cache (file://, http(s)://, s3://), or a store of this machine (daemon, local)",
  });
}

/**
 * Refuses keys where Nix itself takes or gives the paths: it would be told of none.
 *
 * @throws {UsageError} if there are some, and the end is not a binary cache
 */
export function checkKeys(end: StoreEnd, what: string, keys: unknown): void {
  const isGiven = Array.isArray(keys) ? keys.length > 0 : keys !== undefined;
  if (end.kind === "cache" || !isGiven) return;
  throw new UsageError(`Cannot use ${what} with "${end.shown}": it is not a binary cache`, {
    hint: "leave it out there, or name a binary cache (file://, http(s)://, s3://)",
  });
}

/**
 * The base names of store paths.
 *
 * @throws {UsageError} if one is not a path of `/nix/store`
 */
export function baseNamesOf(paths: readonly string[]): string[] {
  return [...new Set(paths)].map((path) => {
    const { storeDir, baseName } = parseStorePath(path);
    if (storeDir === nixStoreDir) return baseName;
    throw new UsageError(`Cannot copy "${path}": it is not a path of ${nixStoreDir}`);
  });
}
