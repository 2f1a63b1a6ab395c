/**
 * The text that a binary cache keeps about one store path.
 *
 * Invariants: what {@linkcode parseNarInfo} lets through can be written back, and every field of it is of its kind: hashes are
 * hashes, references are base names, the URL stays inside the cache or is plain HTTP.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { formatNixHash, parseNixHash } from "../nix_hash.ts";
import type { PathInfo } from "../path_info.ts";
import { isSignature } from "../signing_key.ts";
import { compareBytes, isStoreBaseName, tryParseStorePath } from "../store_path.ts";

/** What is known of one store path in a binary cache; each signature is over the {@linkcode fingerprint}. */
export interface NarInfo extends PathInfo {
  /** Where the packed NAR is, relative to the cache. */
  url: string;
  /** How it is packed: `zstd`, `xz`, `none`, or what another writer chose. */
  compression: string;
  /** The sha256 of the packed NAR, where the writer said it. */
  fileHash?: Digest;
  /** The size of the packed NAR in bytes, where the writer said it. */
  fileSize?: number;
}

const largestBytes = 1024 * 1024;

/** What a signature covers: path, hash, size and references. */
export function fingerprint(
  info: Pick<NarInfo, "storePath" | "narHash" | "narSize" | "references">,
): string {
  const { storePath, narHash, narSize } = info;
  const references = [...info.references].sort(compareBytes)
    .map((reference) => `${storePath.storeDir}/${reference}`);
  return `1;${storePath.path};${formatNixHash(narHash)};${narSize};${references.join(",")}`;
}

/** The text of a narinfo, fields in Nix's own order. */
export function formatNarInfo(info: NarInfo): string {
  const lines = [
    `StorePath: ${info.storePath.path}`,
    `URL: ${info.url}`,
    `Compression: ${info.compression}`,
  ];
  if (info.fileHash !== undefined) lines.push(`FileHash: ${formatNixHash(info.fileHash)}`);
  if (info.fileSize !== undefined) lines.push(`FileSize: ${info.fileSize}`);
  lines.push(`NarHash: ${formatNixHash(info.narHash)}`, `NarSize: ${info.narSize}`);
  lines.push(`References: ${[...info.references].sort(compareBytes).join(" ")}`);
  if (info.deriver !== undefined) lines.push(`Deriver: ${info.deriver}`);
  for (const signature of info.signatures) lines.push(`Sig: ${signature}`);
  if (info.ca !== undefined) lines.push(`CA: ${info.ca}`);
  return `${lines.join("\n")}\n`;
}

/**
 * What a narinfo says. Unknown fields are passed over, as Nix does, and signatures that can be nobody's.
 *
 * @param where the name of the narinfo, for messages
 * @throws {VerificationError} if it is none
 */
export function parseNarInfo(text: string, where = "the narinfo"): NarInfo {
  const bad = (state: string) => new VerificationError(`Cannot read ${where}: ${state}`);
  if (text.length > largestBytes) throw bad(`it has more than ${largestBytes} characters`);
  if (!text.endsWith("\n")) throw bad("its last line is cut");
  const fields = new Map<string, string>();
  const signatures: string[] = [];
  for (const line of text.slice(0, -1).split("\n")) {
    const colon = line.indexOf(": ");
    // "References:" may have lost its blank on the way.
    const key = colon > 0 ? line.slice(0, colon) : line.endsWith(":") ? line.slice(0, -1) : "";
    if (key === "" || !/^\w+$/.test(key)) throw bad(`${shown(line)} is not a field`);
    const value = colon > 0 ? line.slice(colon + 2) : "";
    if (/\p{Cc}/u.test(value)) throw bad(`the field ${key} holds control characters`);
    if (key === "Sig") signatures.push(...isSignature(value) ? [value] : []);
    else if (fields.has(key)) throw bad(`the field ${key} stands twice`);
    else fields.set(key, value);
  }
  const required = (key: string): string => {
    const value = fields.get(key);
    if (value === undefined || value === "") throw bad(`the field ${key} is missing`);
    return value;
  };
  const hash = (key: string): Digest => {
    try {
      return parseNixHash(required(key));
    } catch (cause) {
      throw new VerificationError(`Cannot read ${where}: the field ${key} is not a sha256`, {
        cause,
      });
    }
  };
  const size = (key: string): number => {
    const value = required(key);
    if (!/^\d{1,15}$/.test(value)) throw bad(`the field ${key} is ${shown(value)}`);
    return Number(value);
  };
  const baseName = (value: string, key: string): string => {
    if (!isStoreBaseName(value)) throw bad(`the field ${key} holds ${shown(value)}`);
    return value;
  };

  const storePath = tryParseStorePath(required("StorePath"));
  if (storePath === undefined) throw bad(`the field StorePath is ${shown(required("StorePath"))}`);
  const url = required("URL");
  if (!isNarUrl(url)) throw bad(`the field URL is ${shown(url)}`);
  const narSize = size("NarSize");
  if (narSize === 0) throw bad("the field NarSize is 0");
  const deriver = fields.get("Deriver");
  return {
    storePath,
    url,
    compression: fields.get("Compression") || "bzip2",
    ...(fields.has("FileHash") ? { fileHash: hash("FileHash") } : {}),
    ...(fields.has("FileSize") ? { fileSize: size("FileSize") } : {}),
    narHash: hash("NarHash"),
    narSize,
    references: (fields.get("References") ?? "").split(" ").filter((each) => each !== "")
      .map((each) => baseName(each, "References")),
    ...(deriver === undefined || deriver === "unknown-deriver" || deriver === ""
      ? {}
      : { deriver: baseName(deriver, "Deriver") }),
    signatures,
    ...(fields.get("CA") ? { ca: fields.get("CA")! } : {}),
  };
}

/** Whether a text may be where a NAR lies: inside the cache, or a whole HTTP URL. */
function isNarUrl(url: string): boolean {
  if (/^https?:\/\//.test(url)) return URL.canParse(url);
  const [path = ""] = url.split("?", 1);
  return !url.includes("\\") && !/^[/?]/.test(url) && !/^[a-z][a-z0-9+.-]*:/i.test(url) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..") &&
    !/%(2f|5c|2e)/i.test(path);
}

function shown(value: string): string {
  return JSON.stringify(value.slice(0, 100));
}
