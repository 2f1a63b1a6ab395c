/**
 * Store paths made of what they hold, as `nix store add-path` (the NAR is hashed) and `nix store add-file` (the flat
 * file is hashed) compute them. Paths here have no references.
 *
 * Follows Nix's "store path specification" (`protocols/store-path`): the fingerprint `<type>:sha256:<hex>:<store>:<name>` is
 * hashed, folded to 160 bits, and written in base 32.
 *
 * @module
 */
import { decodeHex } from "@std/encoding";
import { type Digest, sha256 } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { UsageError } from "../base/errors.ts";
import { encodeNix32 } from "./nix32.ts";
import { formatNixHash } from "./nix_hash.ts";
import { isStoreName } from "./store_path.ts";

/** How the content was hashed: its NAR, or the bytes of a plain file. */
export type ContentMethod = "nar" | "flat";

/** A content-addressed store path. */
export interface ContentAddressed {
  /** The whole path. */
  path: string;
  /** The `CA` field: `fixed:r:sha256:...` or `fixed:sha256:...`. */
  ca: string;
}

/**
 * The store path of content with this hash.
 *
 * @throws {UsageError} if a store path may not carry the name
 */
export function contentAddress(
  name: string,
  digest: Digest,
  method: ContentMethod,
  storeDir = "/nix/store",
): ContentAddressed {
  if (!isStoreName(name)) {
    throw new UsageError(
      `Cannot make a store path named ${JSON.stringify(name)}: the name is not allowed`,
      {
        hint: "a name has 1 to 211 of A-Z a-z 0-9 + - . _ ? = and does not begin with a dot",
      },
    );
  }
  const hex = digestHex(digest);
  const path = method === "nar"
    ? makeStorePath("source", hex, name, storeDir)
    : makeStorePath("output:out", digestHex(sha256(`fixed:out:sha256:${hex}:`)), name, storeDir);
  return { path, ca: `fixed:${method === "nar" ? "r:" : ""}${formatNixHash(digest)}` };
}

function makeStorePath(type: string, hex: string, name: string, storeDir: string): string {
  const digest = decodeHex(digestHex(sha256(`${type}:sha256:${hex}:${storeDir}:${name}`)));
  const folded = new Uint8Array(20);
  for (const [i, byte] of digest.entries()) folded[i % 20]! ^= byte;
  return `${storeDir}/${encodeNix32(folded)}-${name}`;
}
