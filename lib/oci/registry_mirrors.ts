/**
 * Where a repository may be read instead of at its own registry.
 *
 * Invariants: the longest prefix decides, and prefixes end where a part of a name ends; hosts do not mind case; mirrors come in their order
 * and the registry itself comes last; what holds for a registry holds whatever its mirrors are; what is blocked is never asked.
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

/** Where the repositories may be read whose names begin alike. */
export interface MirrorRule {
  /** How they begin: `docker.io`, `docker.io/library`, `*.acme.dev`. */
  readonly prefix: string;
  /** What takes the place of the prefix, in order. */
  readonly mirrors: readonly { location: string; insecure: boolean; use: MirrorUse }[];
}

/** What holds for a registry itself, or for a part of it. */
export interface RegistryRule extends MirrorRule {
  /** What takes the place of the prefix where the registry itself is read; an empty one leaves the name as it is. */
  readonly location: string;
  /** Whether it is spoken to in plain HTTP though it is not loopback. */
  readonly insecure: boolean;
  /** Whether it may not be used, nor its mirrors. */
  readonly blocked: boolean;
}

/** A rule, and the part of a name that its prefix stands for. */
interface Match<R> {
  readonly rule: R;
  readonly matched: string;
}

/** The rules of where repositories are read. */
export class RegistryMirrors {
  #mirrors: readonly MirrorRule[];
  #registries: readonly RegistryRule[];

  /** Takes rules of mirrors alone, and of registries with theirs; of several with one prefix the first counts. */
  constructor(mirrors: readonly MirrorRule[], registries: readonly RegistryRule[] = []) {
    this.#mirrors = mirrors;
    this.#registries = registries;
  }

  /**
   * Where to read a repository, the best place first.
   *
   * @throws {UsageError} if it is blocked, or a rule makes a name of it that is none
   */
  places(host: string, repository: string): RegistryPlace[] {
    const origin = this.origin(host, repository);
    const name = `${host}/${repository}`;
    const found = longestMatch([...this.#mirrors, ...this.#registries], name);
    const mirrors = (found?.rule.mirrors ?? []).map(({ location, insecure, use }) => ({
      ...placeOf(name, location, found!),
      insecure,
      use,
    }));
    return [...mirrors.filter((mirror) => !this.#isBlocked(nameOf(mirror))), origin];
  }

  /**
   * Where the registry itself is, without its mirrors.
   *
   * @throws {UsageError} as {@linkcode RegistryMirrors.places}
   */
  origin(host: string, repository: string): RegistryPlace {
    const name = `${host}/${repository}`;
    const found = longestMatch(this.#registries, name);
    if (found === undefined) return { host, repository, insecure: false, use: "all" };
    this.#refuseBlocked(name);
    const { location, insecure } = found.rule;
    const origin = { ...placeOf(name, location, found), insecure, use: "all" } as const;
    this.#refuseBlocked(nameOf(origin));
    return origin;
  }

  /**
   * Whether a registry is spoken to in plain HTTP where it is written, which is not done where the rules have it, but where it is.
   *
   * @throws {UsageError} if it is blocked
   */
  writtenPlain(host: string, repository: string): boolean {
    const name = `${host}/${repository}`;
    this.#refuseBlocked(name);
    const found = longestMatch(this.#registries, name);
    if (found === undefined || !found.rule.insecure) return false;
    return movedName(name, found.rule.location, found).toLowerCase().startsWith(`${host}/`);
  }

  #refuseBlocked(name: string): void {
    if (!this.#isBlocked(name)) return;
    throw new UsageError(`Cannot use "${name}": the registries' configuration blocks it`);
  }

  #isBlocked(name: string): boolean {
    return longestMatch(this.#registries, name)?.rule.blocked === true;
  }
}

function nameOf({ host, repository }: Pick<RegistryPlace, "host" | "repository">): string {
  return `${host}/${repository}`;
}

/** Of what stands for many hosts its own length counts: what it matched is as long as the name of one host. */
function longestMatch<R extends MirrorRule>(
  rules: readonly R[],
  name: string,
): Match<R> | undefined {
  let found: Match<R> | undefined;
  for (const rule of rules) {
    if (rule.prefix.length <= (found?.rule.prefix.length ?? 0)) continue;
    const matched = matchedPart(rule.prefix, name);
    if (matched !== undefined) found = { rule, matched };
  }
  return found;
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

function movedName(name: string, location: string, { matched }: Match<MirrorRule>): string {
  return (location || matched) + name.slice(matched.length);
}

function placeOf(
  name: string,
  location: string,
  match: Match<MirrorRule>,
): { host: string; repository: string } {
  const moved = movedName(name, location, match);
  const slash = moved.indexOf("/");
  const host = moved.slice(0, slash).toLowerCase();
  const repository = moved.slice(slash + 1);
  if (slash > 0 && isHost(host) && isRepository(repository)) return { host, repository };
  const { prefix } = match.rule;
  throw new UsageError(`Cannot use the mirror of "${prefix}": "${moved}" is no repository`);
}
