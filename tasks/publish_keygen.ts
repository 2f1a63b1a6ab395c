import { UsageError } from "../lib/base/errors.ts";
import { generateSigningKey } from "../lib/nix/signing_key.ts";
import { parseStoreUri } from "../lib/nix/store_uri.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { writeFileAtomic } from "../lib/base/atomic_file.ts";

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
  const context = resolveContext(ctx);
  const readers = (options.stores ?? []).map((store) => {
    const { read, shown } = parseStoreUri(store);
    return read ?? shown;
  });
  const { secretText, publicText } = await generateSigningKey(options.name);
  context.redactor.add(secretText.split(":")[1]!);
  const written = context.dryRun ||
    await writeFileAtomic(options.file, `${secretText}\n`, { mode: 0o600, createNew: true });
  if (!written) {
    throw new UsageError(`Cannot write the key "${options.file}": the file is there already`, {
      hint: "name another file; a key that was lost cannot be made again",
    });
  }
  return {
    file: options.file,
    publicKey: publicText,
    lines: [
      ...(readers.length === 0 ? [] : [`extra-substituters = ${readers.join(" ")}`]),
      `extra-trusted-public-keys = ${publicText}`,
    ],
  };
}
