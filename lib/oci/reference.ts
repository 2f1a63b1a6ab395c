/**
 * The names of images: `docker://host/repository[:tag][@digest]` and `oci:folder[:tag][@digest]`.
 *
 * The grammar of host, repository, tag and digest is that of distribution/reference; names in a layout follow
 * `org.opencontainers.image.ref.name` of the OCI image specification.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { UsageError } from "../base/errors.ts";
import {
  isHost,
  isLayoutName,
  isRepository,
  isTag,
  longestRepository,
} from "./reference_grammar.ts";
import { checkReferenceText, nearReference, refusedReference } from "./refused_reference.ts";

/** An image in a registry. */
export interface RegistryReference {
  /** Where it is. */
  readonly transport: "docker";
  /** Host, in small letters, and, where there is one, port. */
  readonly host: string;
  /** The repository's whole name. */
  readonly repository: string;
  /** The tag, where one was named. */
  readonly tag?: string;
  /** The digest, where one was named; it then decides. */
  readonly digest?: Digest;
}

/** An image in a folder of the OCI image layout. */
export interface LayoutReference {
  /** Where it is. */
  readonly transport: "oci";
  /** The folder, as it was written. */
  readonly folder: string;
  /** The name in the folder's index, where one was named. */
  readonly tag?: string;
  /** The digest, where one was named; it then decides. */
  readonly digest?: Digest;
}

/** The name of an image. */
export type ImageReference = RegistryReference | LayoutReference;

/**
 * Reads the name of an image.
 *
 * @example
 * ```ts
 * import { parseReference } from "@kedge/kedge";
 *
 * const reference = parseReference("docker://ghcr.io/acme/vm:1.2");
 * if (reference.transport !== "docker" || reference.tag !== "1.2") throw new Error();
 * ```
 *
 * @throws {UsageError} if it is none; the message says which part is wrong, the hint what was probably meant
 */
export function parseReference(text: string): ImageReference {
  checkReferenceText(text);
  if (text.startsWith("docker://")) return parseRegistry(text, text.slice("docker://".length));
  if (text.startsWith("oci:")) return parseLayout(text, text.slice("oci:".length));
  const state = "it begins with neither docker:// nor oci:";
  if (/^(podman|docker-daemon):/.test(text)) {
    throw refusedReference(
      text,
      state,
      undefined,
      "an engine is only written to: push the image from it",
    );
  }
  throw refusedReference(text, state, nearReference(text));
}

/** The name of an image as a text; {@linkcode parseReference} reads it back. */
export function formatReference(reference: ImageReference): string {
  if (typeof reference !== "object" || reference === null) {
    throw new UsageError(`Cannot format ${String(reference)}: it is not a reference`);
  }
  const { tag, digest } = reference;
  const place = reference.transport === "docker"
    ? `docker://${reference.host}/${reference.repository}`
    : `oci:${reference.folder}`;
  return place + (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

function parseRegistry(text: string, rest: string): RegistryReference {
  if (/^\/|^[a-z]+:\/\//.test(rest)) {
    throw refusedReference(
      text,
      "a host must follow docker://",
      `docker://${rest.replace(/^[^a-z]*/, "")}`,
    );
  }
  const { name: place, digest } = splitDigest(text, rest);
  const slash = place.indexOf("/");
  const named = slash < 0 ? place : place.slice(0, slash);
  const host = named.toLowerCase();
  if (slash < 0 || !isHost(host)) {
    const name = place.replace(/:[^/:]*$/, "");
    const near = `docker://docker.io/${slash < 0 ? "library/" : ""}${rest}`;
    throw refusedReference(
      text,
      slash < 0 ? "it names no repository after a host" : `"${named}" is not a host`,
      isRepository(name) && (slash >= 0 || !isHost(name)) ? near : undefined,
    );
  }
  let repository = place.slice(slash + 1);
  let tag: string | undefined;
  const colon = repository.lastIndexOf(":");
  if (colon >= 0) {
    tag = repository.slice(colon + 1);
    repository = repository.slice(0, colon);
    if (!isTag(tag)) {
      throw refusedReference(
        text,
        tag === "" ? "the tag is empty" : `"${tag}" is not a tag`,
        undefined,
        "a tag has up to 128 of A-Z a-z 0-9 _ . - and begins with none of . -",
      );
    }
  }
  if (repository.length > longestRepository) {
    throw refusedReference(text, `the repository is longer than ${longestRepository} characters`);
  }
  if (!isRepository(repository)) {
    const lower = repository.toLowerCase();
    throw refusedReference(
      text,
      repository === "" ? "the repository is empty" : `"${repository}" is not a repository`,
      lower !== repository && isRepository(lower) ? text.replace(repository, lower) : undefined,
      "a repository has lower-case letters, digits and single . _ - between them",
    );
  }
  if (host === "docker.io" && !repository.includes("/")) repository = `library/${repository}`;
  return { transport: "docker", host, repository, ...optional(tag, digest) };
}

function parseLayout(text: string, rest: string): LayoutReference {
  const { name: place, digest } = splitDigest(text, rest);
  const drive = /^[A-Za-z]:[\\/]/.test(place) ? 2 : 0;
  const colon = place.indexOf(":", drive);
  const folder = colon < 0 ? place : place.slice(0, colon);
  const tag = colon < 0 ? undefined : place.slice(colon + 1);
  if (folder === "") {
    throw refusedReference(text, "it names no folder", undefined, "write oci:FOLDER[:TAG]");
  }
  if (folder !== folder.trim()) {
    throw refusedReference(text, "the folder begins or ends with white space");
  }
  if (folder.startsWith("//")) {
    throw refusedReference(text, "oci: takes no host", `oci:${folder.slice(1)}`);
  }
  if (tag !== undefined && (!isLayoutName(tag))) {
    throw refusedReference(
      text,
      tag === "" ? "the tag is empty" : `"${tag}" is not a name for an image`,
      undefined,
      "a name in a layout has letters, digits and - . _ : @ / + between them",
    );
  }
  return { transport: "oci", folder, ...optional(tag, digest) };
}

function splitDigest(text: string, rest: string): { name: string; digest?: Digest } {
  const at = /@(?=[A-Za-z][A-Za-z0-9+._-]*:[^/@]*$)/.exec(rest);
  if (at === null) {
    if (text.startsWith("docker:") && rest.includes("@")) {
      throw refusedReference(text, "what follows @ is not a digest", undefined, digestHint);
    }
    return { name: rest };
  }
  const digest = rest.slice(at.index + 1);
  if (isDigest(digest)) return { name: rest.slice(0, at.index), digest };
  const algorithm = digest.slice(0, digest.indexOf(":"));
  throw refusedReference(
    text,
    algorithm === "sha256"
      ? "the digest is not 64 lower-case hexadecimal digits"
      : `digests of "${algorithm}" are not supported`,
    isDigest(digest.toLowerCase()) ? text.replace(digest, digest.toLowerCase()) : undefined,
    digestHint,
  );
}

const digestHint = "a digest is sha256: and 64 hexadecimal digits";

function optional(
  tag: string | undefined,
  digest: Digest | undefined,
): { tag?: string; digest?: Digest } {
  return { ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}
