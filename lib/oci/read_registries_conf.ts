import { parse } from "smol-toml";
import * as v from "valibot";
import { UsageError } from "../base/errors.ts";
import { isNamePrefix } from "./reference_grammar.ts";
import type { RegistryRule } from "./registry_mirrors.ts";

// What begins no name would be the rule of nothing, and what it blocks be asked.
const prefixSchema = v.pipe(
  v.string(),
  v.transform((text) => text.replace(/\/+$/, "")),
  v.check(isNamePrefix),
);
const mirrorSchema = v.object({
  location: v.pipe(prefixSchema, v.nonEmpty()),
  insecure: v.optional(v.boolean(), false),
  "pull-from-mirror": v.optional(v.picklist(["all", "digest-only", "tag-only"])),
});
const registrySchema = v.object({
  prefix: v.optional(prefixSchema),
  location: v.optional(prefixSchema),
  insecure: v.optional(v.boolean(), false),
  blocked: v.optional(v.boolean(), false),
  "mirror-by-digest-only": v.optional(v.boolean(), false),
  mirror: v.optional(v.array(mirrorSchema), []),
});
const fileSchema = v.object({ registry: v.optional(v.array(registrySchema), []) });

/**
 * Reads a `registries.conf` of version 2 (containers-registries.conf(5)): its registries, their mirrors and what is blocked.
 *
 * @throws {UsageError} if it cannot be read or is malformed
 */
export async function readRegistriesConf(path: string): Promise<RegistryRule[]> {
  const refused = (state: string, cause?: unknown) =>
    new UsageError(`Cannot read the registries in "${path}": ${state}`, { cause });
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw refused((cause as Error).message, cause);
  }
  let data: unknown;
  try {
    data = parse(text);
  } catch (cause) {
    throw refused((cause as Error).message.split("\n")[0]!, cause);
  }
  if (typeof data === "object" && data !== null && "registries" in data) {
    throw refused("it is of version 1");
  }
  const result = v.safeParse(fileSchema, data);
  if (!result.success) {
    const [issue] = result.issues;
    throw refused(`"${v.getDotPath(issue) ?? ""}" is malformed`);
  }
  return result.output.registry.map((registry) => {
    const prefix = registry.prefix || registry.location;
    if (!prefix) throw refused("a registry has neither a prefix nor a location");
    // A prefix for many hosts stands for the host that it matched, where nothing takes its place.
    const { location = prefix.startsWith("*.") ? "" : prefix, blocked, insecure } = registry;
    const use = registry["mirror-by-digest-only"] ? "digest-only" : "all";
    const mirrors = registry.mirror.map((mirror) => ({
      location: mirror.location,
      insecure: mirror.insecure,
      use: mirror["pull-from-mirror"] ?? use,
    }));
    return { prefix, mirrors, location, insecure, blocked };
  });
}
