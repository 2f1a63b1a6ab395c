import { decodeHex, encodeBase64 } from "@std/encoding";
import { dirname } from "@std/path";
import type { Digest } from "../../base/digest.ts";
import { digestHex } from "../../base/digest_text.ts";
import { KedgeError } from "../../base/errors.ts";
import { contentAddress } from "../content_address.ts";
import { runNixStore } from "../program/run_nix_store.ts";

/** Options of {@linkcode storeFile}. */
export interface StoreFileOptions {
  /** The file's name in the store. */
  name: string;
  /** The digest of its bytes. */
  digest: Digest;
  /** Where the link is made that keeps Nix from collecting the path. */
  root: string;
  /** Variables added to the environment of Nix. */
  env?: Readonly<Record<string, string>>;
  /** Ends Nix. */
  signal?: AbortSignal;
}

/** A file in the Nix store. */
export interface StoredFile {
  /** Its store path. */
  storePath: string;
  /** Whether it was added now; otherwise it was there. */
  added: boolean;
}

/**
 * Registers a plain file in the Nix store as `fetchurl` would, unless it is there, and keeps it from being collected.
 *
 * @throws {UsageError} if Nix is not installed
 * @throws {KedgeError} if Nix refuses
 */
export async function storeFile(path: string, options: StoreFileOptions): Promise<StoredFile> {
  const { name, digest, root, env = {}, signal } = options;
  const storeDir = env["NIX_STORE_DIR"] ?? Deno.env.get("NIX_STORE_DIR") ?? "/nix/store";
  const storePath = contentAddress(name, digest, "flat", storeDir).path;
  const nix = (...args: string[]) =>
    runNixStore(args, { env, ...(signal === undefined ? {} : { signal }) });
  const known = await nix("--check-validity", storePath);
  if (known.code !== 0) {
    const { code, stdout, stderr } = await nix("--add-fixed", "sha256", path);
    if (code !== 0 || stdout.trim() !== storePath) throw refused(path, stdout + stderr);
  }
  await Deno.mkdir(dirname(root), { recursive: true });
  const rooted = await nix("--realise", storePath, "--add-root", root, "--indirect");
  if (rooted.code !== 0) throw refused(path, rooted.stderr);
  return { storePath, added: known.code !== 0 };
}

/**
 * The Nix expression that gives the store path of a file of this name. nixpkgs names what it fetches by the end of the URL, which is
 * not always a name that Nix takes: where they differ, the expression says the name.
 */
export function fetchurlExpression(url: string, digest: Digest, name: string): string {
  const hash = `sha256-${encodeBase64(decodeHex(digestHex(digest)))}`;
  const named = url.slice(url.lastIndexOf("/") + 1) === name ? "" : `name = "${name}"; `;
  return `fetchurl { ${named}url = ${JSON.stringify(url)}; hash = "${hash}"; }`;
}

function refused(path: string, output: string): KedgeError {
  const last = output.trim().split("\n").at(-1) ?? "";
  return new KedgeError(`Cannot put "${path}" into the Nix store: ${last}`);
}
