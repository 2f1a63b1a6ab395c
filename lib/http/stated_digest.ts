import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";

/** The header that asks an origin for the digest of what it sends (RFC 9530). */
export const wantDigest = { "want-repr-digest": "sha-256=10" };

/**
 * The sha256 that an origin says of a whole representation, also where it sends a part: by `Repr-Digest` (RFC 9530), or by
 * `X-Checksum-Sha256`, as repositories of artifacts do. `undefined` where it says none, two different ones, or one that is none.
 */
export function statedDigest(headers: Headers): Digest | undefined {
  const said = new Set<Digest | undefined>();
  const members = headers.get("repr-digest")?.matchAll(/(?:^|[,\s])sha-256=:([^:]*):/g) ?? [];
  for (const [, text] of members) said.add(ofHex(hexOf(text!)));
  const hex = headers.get("x-checksum-sha256");
  if (hex !== null) said.add(ofHex(hex.trim()));
  return said.size === 1 ? [...said][0] : undefined;
}

function hexOf(base64: string): string {
  try {
    return Uint8Array.fromBase64(base64).toHex();
  } catch {
    return "";
  }
}

function ofHex(text: string): Digest | undefined {
  const digest = `sha256:${text.toLowerCase()}`;
  return isDigest(digest) ? digest : undefined;
}
