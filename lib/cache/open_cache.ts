import defer * as tiers from "./registry_tier.ts";
import { UsageError } from "../base/errors.ts";
import defer * as references from "../oci/reference.ts";
import type { RegistryReference } from "../oci/reference.ts";
import { Cache, type CacheOptions } from "./cache.ts";

/**
 * The cache of a folder with what the environment adds to it: `KEDGE_CACHE_LOWER` names a read-only cache below it,
 * `KEDGE_CACHE_TIER` a repository (`docker://host/repository`) that a team shares; `KEDGE_CACHE_TIER_INSECURE=1` speaks
 * plain HTTP to it.
 *
 * @throws {UsageError} if a variable holds something else
 */
export function openCache(
  dir: string,
  env: (name: string) => string | undefined = Deno.env.get,
): Cache {
  const options: CacheOptions = {};
  const lower = env("KEDGE_CACHE_LOWER");
  if (lower) options.lower = lower;
  const tier = env("KEDGE_CACHE_TIER");
  if (tier) {
    const insecure = env("KEDGE_CACHE_TIER_INSECURE") === "1";
    options.tier = new tiers.RegistryTier(repositoryOf(tier), { insecure });
  }
  return new Cache(dir, options);
}

function repositoryOf(text: string): RegistryReference {
  const reference = references.parseReference(text);
  if (reference.transport === "docker") return reference;
  throw new UsageError(`Cannot use KEDGE_CACHE_TIER ${JSON.stringify(text)}: it is no registry`, {
    hint: "write it as docker://host/repository",
  });
}
