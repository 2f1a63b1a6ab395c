/**
 * Reads a `registries.conf` of version 2 (containers-registries.conf(5)): its registries, their mirrors and what is blocked.
 *
 * Invariants: what other readers of the file refuse as ambiguous is refused, since each choice would be wrong for somebody; names of
 * settings do not mind case, as with those readers, so that nothing that is blocked is passed over; settings for short names are left alone.
 *
 * @module
 */
import { parse } from "smol-toml";
import * as v from "valibot";
import { isDigest } from "../../base/digest_text.ts";
import { UsageError } from "../../base/errors.ts";
import { whyUnread } from "../../base/files.ts";
import { readPipedText, type ReadPipedTextOptions } from "../../base/read_piped_text.ts";
import { isNamePrefix, isTag, withLowerHost } from "../reference_grammar.ts";
import type { RegistryRule } from "./registry_mirrors.ts";

// What begins no name would be the rule of nothing, and what it blocks be asked.
const prefixSchema = v.pipe(
  v.string(),
  v.transform((text) => text.replace(/\/+$/, "")),
  v.check(isNamePrefix),
  v.check((text) => !/\/.*[:@]/.test(text) || isNameOfOne(text)),
);
/** Of what follows a host, a tag or a digest, or both, may end it. */
function isNameOfOne(text: string): boolean {
  const found = /^[^/]+\/[^:@]+(?::([^@]*))?(?:@(.*))?$/.exec(text);
  if (found === null) return false;
  const [, tag, digest] = found;
  return (tag === undefined || isTag(tag)) && (digest === undefined || isDigest(digest));
}
const useSchema = v.optional(v.picklist(["", "all", "digest-only", "tag-only"]), "");
const mirrorSchema = v.object({
  location: v.pipe(prefixSchema, v.nonEmpty()),
  insecure: v.optional(v.boolean(), false),
  "pull-from-mirror": useSchema,
});
const registrySchema = v.object({
  prefix: v.optional(prefixSchema),
  location: v.optional(prefixSchema),
  insecure: v.optional(v.boolean(), false),
  blocked: v.optional(v.boolean(), false),
  "mirror-by-digest-only": v.optional(v.boolean(), false),
  "pull-from-mirror": useSchema,
  mirror: v.optional(v.array(mirrorSchema), []),
});
const fileSchema = v.object({ registry: v.optional(v.array(registrySchema), []) });

type Registry = v.InferOutput<typeof registrySchema>;

/**
 * Reads the file, which may be a pipe.
 *
 * @throws {UsageError} if it cannot be read, is malformed, or contradicts itself
 */
export async function readRegistriesConf(
  path: string,
  options: ReadPipedTextOptions = {},
): Promise<RegistryRule[]> {
  const refused = (state: string, cause?: unknown) =>
    new UsageError(`Cannot read the registries in "${path}": ${state}`, { cause });
  let text: string;
  try {
    text = await readPipedText(path, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw refused(whyUnread(cause), cause);
  }
  let data: unknown;
  try {
    data = lowerNames(parse(text));
  } catch (cause) {
    throw refused((cause as Error).message.split("\n")[0]!, cause);
  }
  if (typeof data === "object" && data !== null && "registries" in data) {
    throw refused("it is of version 1");
  }
  const result = v.safeParse(fileSchema, data);
  if (!result.success) {
    const [issue] = result.issues;
    const given = issue.input === undefined
      ? "is missing"
      : `is malformed: ${JSON.stringify(issue.input)?.slice(0, 100)}`;
    throw refused(`"${v.getDotPath(issue) ?? ""}" ${given}`);
  }
  const { registry: registries } = result.output;
  const state = contradiction(registries);
  if (state !== undefined) throw refused(state);
  return registries.map((registry) => {
    const prefix = nameOf(registry);
    if (!prefix) throw refused("a registry has neither a prefix nor a location");
    // A prefix for many hosts stands for the host that it matched, where nothing takes its place.
    const { location = prefix.startsWith("*.") ? "" : prefix, blocked, insecure } = registry;
    const use = registry["mirror-by-digest-only"] ? "digest-only" : "all";
    const mirrors = registry.mirror.map((mirror) => ({
      location: mirror.location,
      insecure: mirror.insecure,
      use: mirror["pull-from-mirror"] || use,
    }));
    return { prefix, mirrors, location, insecure, blocked };
  });
}

function nameOf({ prefix, location }: Registry): string | undefined {
  return prefix || location;
}

/** Which of its settings speak against each other, if any do. */
function contradiction(registries: readonly Registry[]): string | undefined {
  const places = new Map<string, Registry>();
  for (const registry of registries) {
    const { location } = registry;
    const name = nameOf(registry);
    if (registry["pull-from-mirror"] !== "") {
      return `"pull-from-mirror" of "${name}" belongs to its mirrors`;
    }
    const both = registry.mirror.find((mirror) => mirror["pull-from-mirror"] !== "");
    if (registry["mirror-by-digest-only"] && both !== undefined) {
      return `"${name}" sets "mirror-by-digest-only", and its mirror "${both.location}" "pull-from-mirror"`;
    }
    const place = withLowerHost(location || name || "");
    const other = places.get(place) ?? registry;
    places.set(place, other);
    const unlike = (["insecure", "blocked"] as const).find((each) =>
      other[each] !== registry[each]
    );
    if (unlike !== undefined) {
      return `"${place}" is there twice, with another "${unlike}" each time`;
    }
  }
  return undefined;
}

/** The same data with the names of settings in small letters; those of aliases are none. */
function lowerNames(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(lowerNames);
  if (typeof data !== "object" || data === null) return data;
  const entries = new Map<string, unknown>();
  for (const [name, value] of Object.entries(data)) {
    const lower = name.toLowerCase();
    if (entries.has(lower)) throw new Error(`"${lower}" is set twice`);
    entries.set(lower, lower === "aliases" ? value : lowerNames(value));
  }
  return Object.fromEntries(entries);
}
