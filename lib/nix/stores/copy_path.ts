import { join } from "@std/path";
import { Hasher, sameDigest } from "../../base/digest.ts";
import { IncompleteError, VerificationError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import { formatNixHash } from "../nix_hash.ts";
import { differenceOf } from "./plan_store.ts";
import type { PublishStore } from "./publish_store.ts";
import type { SourcePath } from "../source_path.ts";

/** What copying needs. */
export interface CopyPathOptions {
  /** A folder for the NAR on its way. */
  folder: string;
  /** Told of every byte. */
  meter: Meter;
  /** Ends the copying. */
  signal: AbortSignal;
}

/**
 * Copies one path from a binary cache that has it to one that lacks it: the NAR as it is packed there, then the narinfo.
 *
 * @throws {VerificationError} if what the source gives is not what the path must be
 */
export async function copyPath(
  from: PublishStore,
  to: PublishStore,
  source: SourcePath,
  { folder, meter, signal }: CopyPathOptions,
): Promise<void> {
  const path = source.storePath.path;
  const found = await from.cache.narInfo(source.storePath.hashPart, { signal });
  const info = found?.info;
  const difference = info === undefined ? "it has no narinfo" : differenceOf(info, source);
  if (info === undefined || difference !== undefined) {
    throw new VerificationError(`Cannot copy "${path}" from "${from.cache.url}": ${difference}`);
  }
  const stream = await from.cache.reader.open(info.url, { signal });
  if (stream === undefined) {
    throw new IncompleteError(
      `Cannot copy "${path}" from "${from.cache.url}": its NAR is not there`,
    );
  }
  const file = join(folder, source.storePath.hashPart);
  const hasher = new Hasher();
  {
    using output = await Deno.open(file, { write: true, create: true, truncate: true });
    for await (const piece of stream) {
      signal.throwIfAborted();
      hasher.update(piece);
      for (let at = 0; at < piece.length;) at += await output.write(piece.subarray(at));
    }
  }
  const digest = hasher.digest();
  if (info.fileHash !== undefined && !sameDigest(digest, info.fileHash)) {
    throw new VerificationError(
      `Cannot copy "${path}" from "${from.cache.url}": its NAR has the digest ${digest} instead of ${info.fileHash}`,
    );
  }
  const suffix = /\.nar[a-z0-9.]*$/.exec(info.url.split("?")[0] ?? "")?.[0] ?? ".nar";
  const url = `nar/${formatNixHash(digest).slice("sha256:".length)}${suffix}`;
  using progress = meter.object(`${path} -> ${to.cache.url}`, hasher.size);
  await to.cache.writer.putFile(url, { path: file, size: hasher.size, digest }, progress, {
    signal,
  });
  await to.cache.putNarInfo({ ...info, url, fileHash: digest, fileSize: hasher.size }, { signal });
  await to.cache.writer.flush?.();
  await Deno.remove(file);
}
