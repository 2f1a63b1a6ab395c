import { decodeBase64, decodeHex, encodeHex } from "@std/encoding";
import type { Digest } from "../base/digest.ts";
import { digestHex, isDigest } from "../base/digest_text.ts";
import { VerificationError } from "../base/errors.ts";
import { decodeNix32, encodeNix32 } from "./nix32.ts";

/** A digest as narinfos write it: `sha256:` and 52 digits of Nix's base 32. */
export function formatNixHash(digest: Digest): string {
  return `sha256:${encodeNix32(decodeHex(digestHex(digest)))}`;
}

/**
 * The sha256 that any of Nix's spellings names: `sha256:<base 32>`, `sha256:<hexadecimal>` or `sha256-<base64>`.
 *
 * @throws {VerificationError} if it is none of them
 */
export function parseNixHash(text: string): Digest {
  const match = /^sha256([:-])(.+)$/.exec(text);
  const body = match?.[2] ?? "";
  if (match?.[1] === ":") {
    if (isDigest(text)) return text;
    if (body.length === 52) return toDigest(decodeNix32(body, 32));
  }
  if (/^[A-Za-z0-9+/]{43}=$/.test(body)) return toDigest(decodeBase64(body));
  throw new VerificationError(
    `Cannot read the hash ${
      JSON.stringify(text.slice(0, 100))
    }: it is not a sha256 in Nix's spelling`,
  );
}

function toDigest(bytes: Uint8Array): Digest {
  return `sha256:${encodeHex(bytes)}` as Digest;
}
