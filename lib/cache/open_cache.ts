import { defined } from "../base/defined.ts";
import { UsageError } from "../base/errors.ts";
import { parseReference, type RegistryReference } from "../oci/reference.ts";
import { Cache, type CacheOptions } from "./cache.ts";
import { LazyTier } from "./lazy_tier.ts";

/**
 * The cache of a folder with what the environment adds to it: `KEDGE_CACHE_LOWER` names a read-only cache below it,
 * `KEDGE_CACHE_TIER` a repository (`docker://host/repository`) that a team shares; `KEDGE_CACHE_TIER_INSECURE=1` speaks
 * plain HTTP to it, `KEDGE_CACHE_TIER_TRUSTED=1` believes those who write to it which bytes a validator of an origin stands for.
 *
 * @throws {UsageError} if a variable holds something else
 */
export function openCache(
  dir: string,
  env: (name: string) => string | undefined = Deno.env.get,
): Cache {
  const options: CacheOptions = {};
  const lower = env("KEDGE_CACHE_LOWER");
  if (lower) options.lower = checkLower(lower);
  const tier = env("KEDGE_CACHE_TIER");
  if (tier) {
    const insecure = env("KEDGE_CACHE_TIER_INSECURE") === "1";
    const isTrusted = env("KEDGE_CACHE_TIER_TRUSTED") === "1";
    const repository = repositoryOf(tier);
    const label = `the tier ${repository.host}/${repository.repository}`;
    options.tier = new LazyTier({ label, isTrusted }, async () => {
      const { RegistryTier } = await import("./registry_tier.ts");
      return new RegistryTier(repository, { insecure, isTrusted });
    });
  }
  return new Cache(dir, options);
}

/** What is wrong with it is told at once: each look into it would fail, or find nothing without a word. */
function checkLower(folder: string): string {
  try {
    // What lies in a folder can be looked at if the folder itself can be, from within.
    Deno.statSync(`${folder}/.`);
    return folder;
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    throw new UsageError(
      `Cannot use KEDGE_CACHE_LOWER ${JSON.stringify(folder)}: ${cause.message}`,
      { cause, hint: "name the folder of a cache that may be read, or leave the variable out" },
    );
  }
}

function repositoryOf(text: string): RegistryReference {
  let cause: unknown;
  try {
    const reference = parseReference(text);
    if (reference.transport === "docker") return reference;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    cause = error;
  }
  throw new UsageError(
    `Cannot use KEDGE_CACHE_TIER ${JSON.stringify(text)}: it is not a repository of a registry`,
    { ...defined({ cause }), hint: "write it as docker://host/repository" },
  );
}
