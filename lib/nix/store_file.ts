import { decodeHex, encodeBase64 } from "@std/encoding";
import { dirname } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { KedgeError, UsageError } from "../base/errors.ts";
import { type ProcessResult, runProcess } from "../base/process_group.ts";
import { contentAddress } from "./content_address.ts";

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
    runNixStore(args, { env: { ...env }, ...(signal === undefined ? {} : { signal }) });
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

/** The Nix expression that gives the same store path. */
export function fetchurlExpression(url: string, digest: Digest): string {
  const hash = `sha256-${encodeBase64(decodeHex(digestHex(digest)))}`;
  return `fetchurl { url = ${JSON.stringify(url)}; hash = "${hash}"; }`;
}

async function runNixStore(
  args: string[],
  options: { env: Record<string, string>; signal?: AbortSignal },
): Promise<ProcessResult> {
  try {
    return await runProcess("nix-store", { args, ...options });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UsageError(`Cannot run "nix-store": it is not installed`, { cause });
  }
}

function refused(path: string, output: string): KedgeError {
  const last = output.trim().split("\n").at(-1) ?? "";
  return new KedgeError(`Cannot put "${path}" into the Nix store: ${last}`);
}
