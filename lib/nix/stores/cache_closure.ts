import { defined } from "../../base/defined.ts";
import { IncompleteError, type KedgeError, VerificationError } from "../../base/errors.ts";
import type { BinaryCache } from "./binary_cache.ts";
import { contentAddressFault } from "../content_address.ts";
import type { NarInfo } from "../nar/nar_info.ts";
import { nixStoreDir } from "../folder/nix_folder.ts";
import { isSignedBy } from "./plan_store.ts";
import type { PublicKey } from "../signing_key.ts";
import type { Throttle } from "./throttle.ts";

const mostSigners = 5;

/** Options of {@linkcode cacheClosure}. */
export interface CacheClosureOptions {
  /** How much is asked at once. */
  limit: Throttle;
  /** Whether nothing but the named paths is wanted. */
  only: boolean;
  /** Keys one of which must have signed each path; none: the hash alone counts. */
  publicKeys: readonly PublicKey[];
  /** Of what need not be asked, since it is where it is to go. */
  isKnown: (baseName: string) => boolean;
  /** Ends the asking. */
  signal: AbortSignal;
}

/**
 * The narinfos of paths in a binary cache and of all that they need, by base name; paths that are known already are left out, with what they
 * need.
 *
 * @throws {IncompleteError} if the cache lacks one
 * @throws {VerificationError} if a narinfo is damaged, of another path, or not signed
 */
export async function cacheClosure(
  cache: BinaryCache,
  names: readonly string[],
  options: CacheClosureOptions,
): Promise<Map<string, NarInfo>> {
  const { limit, only, isKnown, signal } = options;
  const found = new Map<string, NarInfo>();
  const asked = new Set<string>();
  let open = [...names];
  while (open.length > 0) {
    const round = [...new Set(open)].filter((name) => !asked.has(name) && !isKnown(name));
    for (const name of round) asked.add(name);
    const infos = await Promise.all(
      round.map((name) => limit.run(() => ask(cache, name, options), signal)),
    );
    open = [];
    for (const info of infos) {
      found.set(info.storePath.baseName, info);
      if (!only) open.push(...info.references);
    }
  }
  return found;
}

async function ask(
  cache: BinaryCache,
  name: string,
  { publicKeys, signal }: CacheClosureOptions,
): Promise<NarInfo> {
  const path = `${nixStoreDir}/${name}`;
  const found = await cache.narInfo(name.slice(0, 32), { signal });
  if (found === undefined) {
    throw new IncompleteError(`Cannot copy "${path}": "${cache.url}" has no narinfo of it`, {
      side: "source",
    });
  }
  if (found.info === undefined) throw found.error;
  const { info } = found;
  const refuse = (state: string, hint?: string): KedgeError =>
    new VerificationError(`Cannot copy "${path}" from "${cache.url}": ${state}`, {
      side: "source",
      ...defined({ hint }),
    });
  if (info.storePath.path !== path) throw refuse(`its narinfo is of ${info.storePath.path}`);
  const fault = contentAddressFault(info);
  if (fault !== undefined) throw refuse(fault);
  if (publicKeys.length === 0) return info;
  for (const key of publicKeys) {
    if (await isSignedBy(info, key)) return info;
  }
  throw refuse("none of the given keys signed it", signersHint(info));
}

/** Whose public key would be needed. */
function signersHint({ signatures }: NarInfo): string {
  const names = [...new Set(signatures.map((each) => each.split(":")[0]!.slice(0, 100)))];
  if (names.length === 0) return "it has no signature: sign it there, or go by the hash alone";
  return `it names as its signers ${
    names.slice(0, mostSigners).join(", ")
  }; give the public key of one that you trust`;
}
