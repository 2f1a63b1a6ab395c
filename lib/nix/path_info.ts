/**
 * What `nix path-info --json` says, in one shape for every version of Nix: an array (2.8 to 2.18), an object by path (2.19
 * on), and the formats 2 and 3, which name paths without their folder and take hashes apart.
 *
 * @module
 */
import { decodeBase64, decodeHex, encodeHex } from "@std/encoding";
import type { Digest } from "../base/digest.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import { decodeNix32 } from "./nix32.ts";
import { formatNixHash, parseNixHash } from "./nix_hash.ts";
import { isSignature } from "./signing_key.ts";
import {
  compareBytes,
  isStoreBaseName,
  isStoreDir,
  type StorePath,
  tryParseStorePath,
} from "./store_path.ts";

/** What a Nix store knows of one of its paths. */
export interface PathInfo {
  /** The path. */
  storePath: StorePath;
  /** The sha256 of its NAR. */
  narHash: Digest;
  /** The size of its NAR, in bytes. */
  narSize: number;
  /** The base names of the paths that it needs, in order; it may name itself. */
  references: readonly string[];
  /** The base name of its derivation. */
  deriver?: string;
  /** `key:base64`. */
  signatures: readonly string[];
  /** Its content address. */
  ca?: string;
}

type Json = Record<string, unknown>;

/**
 * The paths that the output of `nix path-info --json` holds, in its order.
 *
 * @throws {KedgeError} if a path is missing in the store
 * @throws {VerificationError} if the output is of no known shape
 */
export function parsePathInfo(json: unknown): PathInfo[] {
  const entries = entriesOf(json);
  const missing = entries.filter(([, value]) => value === null || value["valid"] === false);
  if (missing.length > 0) throw notInStore(missing.map(([path]) => path));
  return entries.map(([path, value]) => parseOne(path, value!));
}

/**
 * The paths that the output holds and the store has; the others are left out.
 *
 * @throws {VerificationError} if the output is of no known shape
 */
export function parsePresentPathInfo(json: unknown): PathInfo[] {
  return entriesOf(json)
    .filter((entry): entry is [string, Json] => entry[1] !== null && entry[1]["valid"] !== false)
    .map(([path, value]) => parseOne(path, value));
}

/** The error of paths that are not in the Nix store. */
export function notInStore(missing: readonly string[]): KedgeError {
  return new KedgeError(`Cannot copy "${missing[0]}": it is not in the Nix store`, {
    side: "source",
    hint: "build it first, with nix build",
    data: { missing },
  });
}

function entriesOf(json: unknown): [path: string, value: Json | null][] {
  if (Array.isArray(json)) {
    return json.map((each) => {
      if (!isObject(each) || typeof each["path"] !== "string") {
        throw unknownShape("an element has no path");
      }
      return [each["path"], each];
    });
  }
  if (!isObject(json)) throw unknownShape("it is neither array nor object");
  const { info, storeDir } = json;
  const paths = isObject(info) && typeof json["version"] === "number"
    ? Object.entries(info).map(([name, value]) => {
      if (typeof storeDir !== "string" || !isStoreDir(storeDir)) {
        throw unknownShape("storeDir is not a folder");
      }
      return [`${storeDir}/${name}`, value] as const;
    })
    : Object.entries(json);
  return paths.map(([path, value]) => {
    if (value !== null && !isObject(value)) throw unknownShape(`${shown(path)} is not an object`);
    return [path, value];
  });
}

function parseOne(path: string, value: Json): PathInfo {
  const storePath = tryParseStorePath(path);
  if (storePath === undefined) throw unknownShape(`${shown(path)} is not a store path`);
  const narSize = value["narSize"];
  if (typeof narSize !== "number" || !Number.isSafeInteger(narSize) || narSize <= 0) {
    throw unknownShape(`${shown(path)} has no narSize`);
  }
  const base = (text: unknown): string => {
    const name = typeof text === "string" ? text.slice(text.lastIndexOf("/") + 1) : "";
    if (!isStoreBaseName(name)) throw unknownShape(`${shown(path)} names ${shown(text)}`);
    return name;
  };
  const { references, deriver, signatures } = value;
  if (!Array.isArray(references)) throw unknownShape(`${shown(path)} has no references`);
  const ca = contentAddressOf(value["ca"], path);
  return {
    storePath,
    narHash: hashOf(value["narHash"], path),
    narSize,
    references: references.map(base).sort(compareBytes),
    ...(deriver === null || deriver === undefined || deriver === "unknown-deriver"
      ? {}
      : { deriver: base(deriver) }),
    // Nix keeps whatever it was given for one.
    signatures: Array.isArray(signatures)
      ? signatures.map((each) => signatureOf(each, path)).filter(isSignature)
      : [],
    ...(ca === undefined ? {} : { ca }),
  };
}

function hashOf(value: unknown, path: string): Digest {
  if (typeof value === "string") return parseNixHash(value);
  if (isObject(value) && value["algorithm"] === "sha256" && typeof value["hash"] === "string") {
    const { hash, format } = value;
    const bytes = format === "base64"
      ? decodeBase64(hash)
      : format === "base16"
      ? decodeHex(hash)
      : format === "nix32" || format === "base32"
      ? decodeNix32(hash, 32)
      : undefined;
    if (bytes?.length === 32) return `sha256:${encodeHex(bytes)}` as Digest;
    if (bytes === undefined && hash.startsWith("sha256-")) return parseNixHash(hash);
  }
  throw unknownShape(`${shown(path)} has no sha256 as narHash`);
}

const caPrefix: Record<string, string> = { nar: "fixed:r:", flat: "fixed:", text: "text:" };

function contentAddressOf(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && /^[a-z]+:[!-~]+$/.test(value)) return value;
  const prefix = isObject(value) ? caPrefix[String(value["method"])] : undefined;
  if (prefix !== undefined) return prefix + formatNixHash(hashOf((value as Json)["hash"], path));
  throw unknownShape(`${shown(path)} has a content address of an unknown kind`);
}

function signatureOf(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  const { keyName, sig } = isObject(value) ? value : {};
  if (typeof keyName === "string" && typeof sig === "string") return `${keyName}:${sig}`;
  throw unknownShape(`${shown(path)} has the signature ${shown(value)}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return JSON.stringify(String(value).slice(0, 300));
}

function unknownShape(state: string): VerificationError {
  return new VerificationError(`Cannot read what nix path-info says: ${state}`, {
    hint: "tell the version of Nix, nix --version, with a bug report",
  });
}
