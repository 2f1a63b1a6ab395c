/**
 * Where a repository may be read instead of at its own registry.
 *
 * Invariants: the longest prefix decides, and prefixes end where a part of a name ends; hosts do not mind case; mirrors come in their order
 * and the registry itself comes last; what is blocked is never asked.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { isHost, isRepository, withLowerHost } from "./reference_grammar.ts";

/** What a mirror is asked for. */
export type MirrorUse = "all" | "digest-only" | "tag-only";

/** Where a repository may be read. */
export interface RegistryPlace {
  /** Host and, where there is one, port. */
  readonly host: string;
  /** The repository there. */
  readonly repository: string;
  /** Whether it is spoken to in plain HTTP though it is not loopback. */
  readonly insecure: boolean;
  /** What it is asked for. */
  readonly use: MirrorUse;
}

/** A rule for all repositories whose names begin alike. */
export interface MirrorRule {
  /** How they begin: `docker.io`, `docker.io/library`, `*.acme.dev`. */
  readonly prefix: string;
  /** What takes the place of the prefix, in order; the registry itself is the last. An empty location leaves the name as it is. */
  readonly places: readonly { location: string; insecure: boolean; use: MirrorUse }[];
  /** Whether nothing may be read there. */
  readonly blocked: boolean;
}

/** The rules of where repositories are read. */
export class RegistryMirrors {
  #rules: readonly MirrorRule[];

  /** Takes rules; of several with one prefix the first counts. */
  constructor(rules: readonly MirrorRule[]) {
    this.#rules = rules;
  }

  /**
   * Where to read a repository, the best place first.
   *
   * @throws {UsageError} if it is blocked, or a rule makes a name of it that is none
   */
  places(host: string, repository: string): RegistryPlace[] {
    const name = `${host}/${repository}`;
    let found: { rule: MirrorRule; matched: string } | undefined;
    for (const rule of this.#rules) {
      const matched = matchedPart(rule.prefix, name);
      if (matched === undefined) continue;
      // Of what stands for many hosts not what it matched counts: that is as long as the host's own name.
      const longest = found?.rule.prefix.length ?? 0;
      if (rule.prefix.length > longest) found = { rule, matched };
    }
    if (found === undefined) return [{ host, repository, insecure: false, use: "all" }];
    const { rule, matched } = found;
    if (rule.blocked) {
      throw new UsageError(`Cannot use "${name}": the registries' configuration blocks it`);
    }
    return rule.places.map(({ location, insecure, use }) => ({
      ...splitName((location || matched) + name.slice(matched.length), rule.prefix),
      insecure,
      use,
    }));
  }

  /**
   * Where the registry itself is, without its mirrors.
   *
   * @throws {UsageError} as {@linkcode RegistryMirrors.places}
   */
  origin(host: string, repository: string): RegistryPlace {
    return this.places(host, repository).at(-1)!;
  }
}

/** The part of a name that a prefix stands for, if it fits. */
function matchedPart(written: string, name: string): string | undefined {
  const prefix = withLowerHost(written);
  if (prefix.startsWith("*.")) {
    const host = name.slice(0, name.indexOf("/"));
    return host.replace(/:\d+$/, "").endsWith(prefix.slice(1)) ? host : undefined;
  }
  const fits = name.startsWith(prefix) && (name.length === prefix.length ||
    name[prefix.length] === "/" || (name[prefix.length] === ":" && !prefix.includes("/")));
  return fits ? prefix : undefined;
}

function splitName(name: string, prefix: string): { host: string; repository: string } {
  const slash = name.indexOf("/");
  const host = name.slice(0, slash).toLowerCase();
  const repository = name.slice(slash + 1);
  if (slash > 0 && isHost(host) && isRepository(repository)) return { host, repository };
  throw new UsageError(`Cannot use the mirror of "${prefix}": "${name}" is no repository`);
}
