import { codeOf, UsageError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import { Secret } from "../../lib/base/secret.ts";
import {
  type NarCompression,
  type NarPacking,
  packingLevels,
} from "../../lib/nix/nar/compression.ts";
import { parseSigningKey, type SigningKey } from "../../lib/nix/signing_key.ts";
import { parseStoreUri, type StoreUri } from "../../lib/nix/stores/store_uri.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import type { SecretSource } from "../../lib/runner/secrets.ts";

/** Keys that sign in every store, and those that a store's own URI names. */
export interface LoadedKeys {
  /** Sign in every store. */
  everywhere: readonly SigningKey[];
  /** Sign in one store. */
  ofStore: ReadonlyMap<StoreUri, readonly SigningKey[]>;
}

/**
 * The way to pack, checked.
 *
 * @throws {UsageError} if the method or its level is not known
 */
export function checkedPacking(
  compression: string = "zstd",
  level?: number | string,
): NarPacking {
  if (!isCompression(compression)) {
    throw new UsageError(`Cannot compress with ${JSON.stringify(compression)}: it is not known`, {
      hint: "compression is zstd, xz or none",
    });
  }
  const { min, max, default: usual } = packingLevels[compression];
  const asked = wholeLevel(level ?? usual);
  const chosen = asked === defaultLevel ? usual : asked;
  if (chosen === undefined || chosen < min || chosen > max) {
    throw new UsageError(
      `Cannot compress with ${compression} at the level ${level}: it has none such`,
      { hint: `the level is a whole number from ${min} to ${max}` },
    );
  }
  return { compression, level: chosen };
}

/** Stands for the default of whatever compression there is, in the URI of a store as Nix reads it. */
const defaultLevel = -1;

/** A level as Nix reads the number in a store's URI, where a plus may have become a blank. */
function wholeLevel(level: number | string): number | undefined {
  return Number.isInteger(level) || /^[ +-]?[0-9]+$/.test(`${level}`) ? Number(level) : undefined;
}

function isCompression(name: string): name is NarCompression {
  return Object.hasOwn(packingLevels, name);
}

/**
 * The stores, taken apart and each named once.
 *
 * @throws {UsageError} if one is not a store, is named twice, or asks for another compression or level
 */
export function parseStores(stores: readonly string[], packing: NarPacking): StoreUri[] {
  const uris = stores.map(parseStoreUri);
  const seen = new Set<string>();
  for (const { kind, shown, target, query } of uris) {
    if (seen.has(`${kind} ${target}`)) {
      throw new UsageError(`Cannot publish to "${shown}" twice: it is named two times`);
    }
    seen.add(`${kind} ${target}`);
    checkStorePacking({ shown, query }, packing);
  }
  return uris;
}

/**
 * Checks that what a store's URI says of the packing is what is done.
 *
 * @throws {UsageError} if it asks for another compression, or another level
 */
export function checkStorePacking(
  { shown, query }: Pick<StoreUri, "shown" | "query">,
  { compression, level }: NarPacking,
): void {
  const refuse = (name: string, state: string, hint: string) =>
    new UsageError(
      `Cannot publish to "${shown}" with the ${name} ${JSON.stringify(query[name])}: ${state}`,
      { hint },
    );
  const once = "NARs are packed once for all stores";
  const method = query["compression"];
  if (method !== undefined && method !== compression) {
    const hint = `all of them get ${compression}; choose with --compression`;
    throw refuse("compression", once, hint);
  }
  const text = query["compression-level"];
  if (text === undefined) return;
  const asked = wholeLevel(text);
  if (asked === undefined) {
    const { min, max } = packingLevels[compression];
    const range = `${compression} has the levels from ${min} to ${max}`;
    throw refuse(
      "compression-level",
      "it is not a whole number",
      `${range}, and ${defaultLevel} stands for its default`,
    );
  }
  if (compression === "none" || asked === defaultLevel || asked === level) return;
  throw refuse("compression-level", once, `all of them get ${level}; choose with --level`);
}

/**
 * Reads all keys that sign, before anything moves.
 *
 * @throws {UsageError} if one cannot be read or is none
 */
export async function loadSigningKeys(
  sources: SecretSource | Secret | readonly (SecretSource | Secret)[] | undefined,
  uris: readonly StoreUri[],
  context: TaskContext,
): Promise<LoadedKeys> {
  const load = async (source: SecretSource | Secret): Promise<SigningKey> => {
    if (!(source instanceof Secret) && "file" in source) {
      await refuseKeyAsFile(source.file, context);
    }
    const secret = source instanceof Secret ? source : await context.secrets.from(source);
    hideHalf(secret.reveal(), context);
    return await parseSigningKey(secret.reveal(), secret.label);
  };
  const list = sources === undefined ? [] : isList(sources) ? sources : [sources];
  const everywhere: SigningKey[] = [];
  for (const source of list) everywhere.push(await load(source));
  const ofStore = new Map<StoreUri, SigningKey[]>();
  for (const uri of uris) {
    const keys: SigningKey[] = [];
    for (const named of uri.secretKeys) {
      // In a URI, a plus may have become a blank.
      const text = named.replaceAll(" ", "+");
      const isKey = text.includes(":") && !await isThere(named);
      const label = `secret-key of ${uri.shown}`;
      keys.push(await load(isKey ? new Secret(text, label, context.redactor) : { file: named }));
    }
    ofStore.set(uri, keys);
  }
  return { everywhere, ofStore };
}

/** What may be a secret key of Nix, at the end of a text: behind a folder where it was taken for the name of a file. */
const keyText = /[^\s:/]+:[A-Za-z0-9+/]{40,}={0,2}$/;

/** The half after the name is the secret; it must not show without its name either. */
function hideHalf(key: string, { redactor }: TaskContext): void {
  const half = key.split(":")[1];
  if (half !== undefined) redactor.add(half);
}

/** Whoever gives a key itself instead of its file must not find it in the message. */
async function refuseKeyAsFile(path: string, context: TaskContext): Promise<void> {
  const key = keyText.exec(path)?.[0];
  if (key === undefined || await isThere(path)) return;
  context.redactor.add(key);
  // On the way to here, a path may have lost one of two slashes; what stands between them is hidden in any case.
  for (const part of key.split(/[:/]/)) if (part.length >= 8) context.redactor.add(part);
  throw new UsageError("Cannot read a signing key: the key itself stands where its file is named", {
    hint: "name a file that holds it; on a command line, other users see it",
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    return await ifThere(Deno.stat(path)) !== undefined;
  } catch (error) {
    // A name that no file can have is told by the code alone: it may be a key.
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
