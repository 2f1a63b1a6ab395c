import { UsageError } from "../base/errors.ts";

/** A path directly inside a Nix store. */
export interface StorePath {
  /** The whole path: `/nix/store/<hash>-<name>`. */
  path: string;
  /** The store's folder: `/nix/store`. */
  storeDir: string;
  /** `<hash>-<name>`. */
  baseName: string;
  /** The 32 digits before the name; binary caches name narinfos after it. */
  hashPart: string;
  /** What follows the hash. */
  name: string;
}

const hashPattern = /^[0-9abcdfghijklmnpqrsvwxyz]{32}$/;
const namePattern = /^[A-Za-z0-9+\-._?=]{1,211}$/;

/** Whether a text is the hash part of a store path. */
export function isHashPart(text: string): boolean {
  return hashPattern.test(text);
}

/** Whether a store path may carry this name: 1 to 211 of `A-Z a-z 0-9 + - . _ ? =`, not beginning with a dot. */
export function isStoreName(name: string): boolean {
  return namePattern.test(name) && !name.startsWith(".");
}

/** Whether a text is `<hash>-<name>`. */
export function isStoreBaseName(text: string): boolean {
  return text[32] === "-" && isHashPart(text.slice(0, 32)) && isStoreName(text.slice(33));
}

/** The store path that a text is, or `undefined`; anything below a store path is none. */
export function tryParseStorePath(path: string): StorePath | undefined {
  const cut = path.lastIndexOf("/");
  const storeDir = path.slice(0, cut);
  const baseName = path.slice(cut + 1);
  if (!isStoreDir(storeDir) || !isStoreBaseName(baseName)) return undefined;
  return { path, storeDir, baseName, hashPart: baseName.slice(0, 32), name: baseName.slice(33) };
}

/** Whether a text can be a store's folder: absolute, and without `.`, `..`, empty parts or control characters. */
export function isStoreDir(path: string): boolean {
  return path.startsWith("/") && !/\p{Cc}/u.test(path) && path.length > 1 &&
    path.slice(1).split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/**
 * The parts of a store path.
 *
 * @throws {UsageError} if the text is none
 */
export function parseStorePath(path: string): StorePath {
  const parsed = tryParseStorePath(path);
  if (parsed !== undefined) return parsed;
  throw new UsageError(
    `Cannot read the store path ${JSON.stringify(path.slice(0, 300))}: it is none`,
    {
      hint: "a store path is /nix/store/<32 digits>-<name>",
    },
  );
}

/** Orders texts by the bytes of their UTF-8, as Nix orders names. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate stands for a code point above all of the others' units.
    const xs = x >= 0xd800 && x <= 0xdfff;
    const ys = y >= 0xd800 && y <= 0xdfff;
    if (xs !== ys) return xs ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
