import { removeIfThere } from "../../base/atomic_file.ts";
import type { Digest } from "../../base/digest.ts";
import { linkFile } from "../../base/files.ts";
import { checkBlobFile } from "../check_blob_file.ts";
import type { Descriptor } from "../descriptor.ts";
import type { FileHashers } from "../file_hashers.ts";

/** What a {@linkcode takeFile} works with. */
export interface TakeFileOptions {
  /** Whether the file may get a second name instead of being copied. */
  link: boolean;
  /** Hash what arrived. */
  hashers: FileHashers;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Brings a file to another place, by a second name where that is allowed and possible, else by a copy, of which the file system shares
 * the blocks where it can; the bytes are hashed where they arrived. Gives the digest, and removes what is not of the descriptor.
 *
 * @throws {Deno.errors.NotFound} if there is no such file
 * @throws {VerificationError} if it is something else than a file, which might have no end
 */
export async function takeFile(
  from: string,
  to: string,
  descriptor: Descriptor,
  options: TakeFileOptions,
): Promise<{ digest: Digest; size: number }> {
  await checkBlobFile(from, descriptor, from);
  await removeIfThere(to);
  if (!options.link || !await linkFile(from, to)) {
    await Deno.copyFile(from, to);
    await Deno.chmod(to, 0o644);
  }
  const { size } = await Deno.stat(to);
  using hash = options.hashers.open(to, size);
  const digest = await hash.digest(size, options.signal);
  if (digest !== descriptor.digest || size !== descriptor.size) await Deno.remove(to);
  return { digest, size };
}
