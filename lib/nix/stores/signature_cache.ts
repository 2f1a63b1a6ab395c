import { join } from "@std/path";
import { UsageError } from "../../base/errors.ts";
import { fingerprint, formatNarInfo } from "../nar/nar_info.ts";
import { signFingerprint, type SigningKey } from "../signing_key.ts";
import type { SourcePath } from "../source_path.ts";

const filesAtOnce = 32;

/**
 * Checks that Nix can read a binary cache in a folder: versions differ in how they take blanks and the like in `file://`.
 *
 * @param shown the store that is signed in, for messages
 * @throws {UsageError} if the folder's path has any
 */
export function checkSignatureCache(folder: string, shown: string): void {
  if (/^[\w./~+=@,:-]+$/.test(folder)) return;
  throw new UsageError(
    `Cannot sign in "${shown}": not every Nix can read signatures from "${folder}"`,
    { hint: "name a cache folder without blanks or special characters by --cache-dir" },
  );
}

/**
 * Makes a binary cache of narinfos without NARs, each with the signatures of these keys alone, for `nix store copy-sigs`.
 *
 * @param folder where its folder is made
 * @param shown the store that is signed in, for messages
 * @returns the cache's URI, as Nix takes it
 * @throws {UsageError} if Nix could not read it there
 */
export async function writeSignatureCache(
  folder: string,
  paths: readonly SourcePath[],
  keys: readonly SigningKey[],
  shown: string,
): Promise<string> {
  checkSignatureCache(folder, shown);
  const cache = join(folder, "signatures");
  await Deno.mkdir(cache);
  const { storeDir } = paths[0]!.storePath;
  await Deno.writeTextFile(join(cache, "nix-cache-info"), `StoreDir: ${storeDir}\n`);
  const left = paths.values();
  await Promise.all(Array.from({ length: filesAtOnce }, async () => {
    for (const source of left) await writeOne(cache, source, keys);
  }));
  return `file://${cache}?${new URLSearchParams({ store: storeDir })}`;
}

async function writeOne(
  cache: string,
  source: SourcePath,
  keys: readonly SigningKey[],
): Promise<void> {
  const { storePath, narHash, narSize, references } = source;
  const text = fingerprint(source);
  const signatures = await Promise.all(keys.map((key) => signFingerprint(key, text)));
  const info = formatNarInfo({
    storePath,
    url: `nar/${storePath.hashPart}.nar`,
    compression: "none",
    narHash,
    narSize,
    references,
    signatures: [...new Set(signatures)],
  });
  await Deno.writeTextFile(join(cache, `${storePath.hashPart}.narinfo`), info);
}
