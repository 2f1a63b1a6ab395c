/**
 * Where a repository may be read instead of at its own registry.
 *
 * Invariants: the longest prefix decides, and prefixes end where a part of a name ends; hosts do not mind case; mirrors come in their order
 * and the registry itself comes last; what holds for a registry holds whatever its mirrors are; what is blocked is never asked.
 *
 * @module
 */
import { isDigest } from "../../base/digest_text.ts";
import { UsageError } from "../../base/errors.ts";
import type { RegistryReference } from "../reference.ts";
import { isHost, isRepository, isTag, withLowerHost } from "../reference_grammar.ts";

/** What a mirror is asked for. */
export type MirrorUse = "all" | "digest-only" | "tag-only";

/** A repository, or an image of it: rules may be those of one tag or digest. */
export type RepositoryName = Omit<RegistryReference, "transport">;

/** Where a repository may be read, and what there. */
export interface RegistryPlace extends RepositoryName {
  /** Whether it is spoken to in plain HTTP though it is not loopback. */
  readonly insecure: boolean;
  /** What it is asked for. */
  readonly use: MirrorUse;
}

/** Where the repositories may be read whose names begin alike. */
export interface MirrorRule {
  /** How they begin: `docker.io`, `docker.io/library`, `*.acme.dev`; or one alone: `docker.io/library/debian:12`. */
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
   * Where to read an image, the best place first.
   *
   * @throws {UsageError} if it is blocked, or a rule makes a name of it that is none
   */
  places(image: RepositoryName): RegistryPlace[] {
    const name = withTag(image);
    const origin = this.origin(name);
    const found = longestMatch([...this.#mirrors, ...this.#registries], nameOf(name));
    const mirrors = (found?.rule.mirrors ?? []).map(({ location, insecure, use }) => ({
      ...placeOf(name, location, found!),
      insecure,
      use,
    }));
    const places = [...mirrors.filter((mirror) => !this.#isBlocked(mirror)), origin];
    return name === image ? places : places.map(withoutUsualTag);
  }

  /**
   * Where the registry itself is, without its mirrors, for an image or a whole repository.
   *
   * @throws {UsageError} as {@linkcode RegistryMirrors.places}
   */
  origin(name: RepositoryName): RegistryPlace {
    const found = longestMatch(this.#registries, nameOf(name));
    if (found === undefined) return { ...name, insecure: false, use: "all" };
    this.#refuseBlocked(name);
    const { location, insecure } = found.rule;
    const origin = { ...placeOf(name, location, found), insecure, use: "all" } as const;
    this.#refuseBlocked(origin);
    return origin;
  }

  /**
   * Whether a registry is spoken to in plain HTTP where an image is written, which is not done where the rules have it, but where it is.
   *
   * @throws {UsageError} if it is blocked
   */
  writtenPlain(image: RepositoryName): boolean {
    const name = withTag(image);
    this.#refuseBlocked(name);
    const found = longestMatch(this.#registries, nameOf(name));
    if (found === undefined || !found.rule.insecure) return false;
    const moved = movedName(nameOf(name), found.rule.location, found);
    return moved.toLowerCase().startsWith(`${name.host}/`);
  }

  #refuseBlocked(name: RepositoryName): void {
    if (!this.#isBlocked(name)) return;
    const whole = nameOf({ host: name.host, repository: name.repository });
    const isOfAll = longestMatch(this.#registries, whole)?.rule.blocked === true;
    const blocked = isOfAll ? whole : nameOf(name);
    throw new UsageError(`Cannot use "${blocked}": the registries' configuration blocks it`);
  }

  #isBlocked(name: RepositoryName): boolean {
    return longestMatch(this.#registries, nameOf(name))?.rule.blocked === true;
  }
}

const usualTag = "latest";

/** The name of an image with the tag that it has where none is written. */
function withTag(image: RepositoryName): RepositoryName {
  const { tag, digest } = image;
  return tag === undefined && digest === undefined ? { ...image, tag: usualTag } : image;
}

function withoutUsualTag({ tag, ...place }: RegistryPlace): RegistryPlace {
  return tag === undefined || tag === usualTag ? place : { ...place, tag };
}

function nameOf({ host, repository, tag, digest }: RepositoryName): string {
  return `${host}/${repository}${tag === undefined ? "" : `:${tag}`}${
    digest === undefined ? "" : `@${digest}`
  }`;
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
  const fits = name.startsWith(prefix) && [undefined, "/", ":", "@"].includes(name[prefix.length]);
  return fits ? prefix : undefined;
}

function movedName(name: string, location: string, { matched }: Match<MirrorRule>): string {
  return (location || matched) + name.slice(matched.length);
}

/** What takes the place of a name; where a rule has no tag or digest for what it stands for, the one that was named does. */
function placeOf(name: RepositoryName, location: string, match: Match<MirrorRule>): RepositoryName {
  const moved = movedName(nameOf(name), location, match);
  const [, host = "", repository = "", tag, digest] =
    /^([^/]+)\/([^:@]+)(?::([^@]*))?(?:@(.*))?$/.exec(moved) ?? [];
  const refused = (state: string) =>
    new UsageError(`Cannot use the mirror of "${match.rule.prefix}": "${moved}" is ${state}`);
  if (!isHost(host) || !isRepository(repository)) throw refused("not a repository");
  if (tag !== undefined && !isTag(tag)) throw refused("not a repository");
  if (digest !== undefined && !isDigest(digest)) throw refused("not a repository");
  if (digest !== undefined && digest !== (name.digest ?? digest)) throw refused("another image");
  return {
    ...name,
    host: host.toLowerCase(),
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}
