/**
 * Store paths made of what they hold, as `nix store add-path` (the NAR is hashed) and `nix store add-file` (the flat
 * file is hashed) compute them. Paths here have no references.
 *
 * Follows Nix's "store path specification" (`protocols/store-path`): the fingerprint `<type>:sha256:<hex>:<store>:<name>` is
 * hashed, folded to 160 bits, and written in base 32.
 *
 * @module
 */
import { decodeBase64, decodeHex, encodeHex } from "@std/encoding";
import { type Digest, sameDigest, sha256 } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { UsageError } from "../base/errors.ts";
import { decodeNix32, encodeNix32 } from "./nix32.ts";
import { formatNixHash } from "./nix_hash.ts";
import type { PathInfo } from "./path_info.ts";
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

/** What Nix takes for the content address of a path, and what was hashed for it. */
const written =
  /^(?:text:(?=sha256:)|fixed:(r:|git:)?)(md5|sha1|sha256|sha512|blake3):([0-9A-Za-z+/=]+)$/;
const hashBytes: Record<string, number> = { md5: 16, sha1: 20, sha256: 32, sha512: 64, blake3: 32 };

/**
 * What is wrong with the `CA` field of a path, as far as its narinfo tells; `undefined` if it has none, or nothing is. Nix fails whenever it meets a
 * path whose content address is none.
 */
export function contentAddressFault(
  { ca, narHash, references, storePath }: Pick<
    PathInfo,
    "ca" | "narHash" | "references" | "storePath"
  >,
): string | undefined {
  if (ca === undefined) return undefined;
  const [, method, algorithm = "", hash = ""] = written.exec(ca) ?? [];
  const fault = `its content address is ${JSON.stringify(ca.slice(0, 100))}`;
  const size = hashBytes[algorithm];
  const bytes = size === undefined ? undefined : hashOf(hash, size);
  if (bytes === undefined) return fault;
  // Of a NAR that refers to itself, what is hashed is another text.
  if (method !== "r:" || algorithm !== "sha256" || references.includes(storePath.baseName)) {
    return undefined;
  }
  if (sameDigest(`sha256:${encodeHex(bytes)}` as Digest, narHash)) return undefined;
  return `${fault}, and its NAR has the hash ${narHash}`;
}

/** The hash of so many bytes that a text names, as Nix tells its spellings apart, by their lengths; `undefined` if it names none. */
function hashOf(text: string, size: number): Uint8Array | undefined {
  try {
    if (text.length === size * 2) return decodeHex(text);
    if (text.length === Math.ceil(size * 8 / 5)) return decodeNix32(text, size);
    if (text.length !== Math.ceil(size / 3) * 4) return undefined;
    const bytes = decodeBase64(text);
    return bytes.length === size ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function makeStorePath(type: string, hex: string, name: string, storeDir: string): string {
  const digest = decodeHex(digestHex(sha256(`${type}:sha256:${hex}:${storeDir}:${name}`)));
  const folded = new Uint8Array(20);
  for (const [i, byte] of digest.entries()) folded[i % 20]! ^= byte;
  return `${storeDir}/${encodeNix32(folded)}-${name}`;
}
