/**
 * The sha256 that a person names: in whatever spelling Nix prints one.
 *
 * @module
 */
import { decodeBase64, encodeHex } from "@std/encoding";
import { counted } from "../base/counted.ts";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { UsageError } from "../base/errors.ts";
import { decodeNix32 } from "./nix32.ts";

const hint =
  "Nix prints it in each of the spellings that are taken: nix hash file FILE, nix-prefetch-url URL";

/**
 * Reads hexadecimal, Nix's base 32 or base 64, bare or behind `sha256:`, or SRI, which is base 64 behind `sha256-`.
 *
 * @throws {UsageError} if it is none of them, or another hash than sha256
 */
export function parseSha256(text: string): Digest {
  const [, algorithm, sign, body] = /^(?:([a-z][a-z0-9]*)([:-]))?(.*)$/is.exec(text) ?? [];
  const refuse = (state: string): never => {
    throw new UsageError(
      `Cannot use the digest ${JSON.stringify(text.slice(0, 150))}: ${state}`,
      { hint },
    );
  };
  const name = algorithm?.toLowerCase() ?? "sha256";
  if (name !== "sha256") refuse(`it is not a sha256, but ${JSON.stringify(name)}`);
  const digits = body!;
  if (/^[A-Za-z0-9+/]{43}=$/.test(digits)) return digestOf(decodeBase64(digits));
  if (sign === "-") refuse("behind sha256- stand 43 digits of base 64 and a =, as SRI has it");
  const hex = `sha256:${digits.toLowerCase()}`;
  if (isDigest(hex)) return hex;
  const bytes = tryDecodeNix32(digits);
  if (bytes !== undefined) return digestOf(bytes);
  const { length } = digits;
  const spelling = spellings.get(length);
  return refuse(
    spelling === undefined
      ? `it has ${counted(length, "digit")}, and a sha256 has ${known}`
      : `it has ${length} digits as ${spelling}, but is none`,
  );
}

const spellings: ReadonlyMap<number, string> = new Map([
  [64, "hexadecimal"],
  [52, "Nix's base 32"],
  [44, "base 64"],
]);
const known = [...spellings].map(([digits, name]) => `${digits} in ${name}`).join(", ");

/** `undefined` where the digits are others, or say more than 32 bytes. */
function tryDecodeNix32(digits: string): Uint8Array | undefined {
  try {
    return decodeNix32(digits, 32);
  } catch {
    return undefined;
  }
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${encodeHex(bytes)}` as Digest;
}
