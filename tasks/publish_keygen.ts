import type { TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode publishKeygen}. */
export interface PublishKeygenOptions {
  /** The key's name: `cache.acme.dev-1`. */
  name: string;
  /** The file that the secret key is written to; it must not be there. */
  file: string;
  /** Stores whose readers will trust the key, for the lines that are printed. @default {[]} */
  stores?: readonly string[] | undefined;
}

/** A new key. */
export interface PublishKeygenResult {
  /** The file with the secret key. */
  file: string;
  /** The public key: `NAME:BASE64`. */
  publicKey: string;
  /** The lines for the readers' `nix.conf`. */
  lines: readonly string[];
}

/**
 * Makes a new pair of keys: the secret one goes into a file that only its owner may read.
 *
 * @throws {UsageError} if the name is not allowed, or the file is there already
 */
export async function publishKeygen(
  options: PublishKeygenOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishKeygenResult> {
  const { runPublishKeygen } = await import("./publish_keygen_files.ts");
  return await runPublishKeygen(options, ctx);
}
