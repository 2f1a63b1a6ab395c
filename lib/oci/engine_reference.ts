/**
 * The names of images in an engine's store: `podman:name[:tag]` and `docker-daemon:name[:tag]`. A name may begin with a host, as engines
 * show it, and need not.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { formatReference, type ImageReference, parseReference } from "./reference.ts";
import { isHost, isRepository, isTag } from "./reference_grammar.ts";
import { checkReferenceText, nearReference, refusedReference } from "./refused_reference.ts";

/** An image in the store of an engine on this machine. */
export interface EngineReference {
  /** Which engine. */
  readonly transport: "podman" | "docker-daemon";
  /** The name, with a host where one was given. */
  readonly name: string;
  /** The tag, where one was named. */
  readonly tag?: string;
  /** An engine chooses its digests itself. */
  readonly digest?: never;
}

/** Where an image may be brought. */
export type DestinationReference = ImageReference | EngineReference;

/** How a destination is written, by the word that it begins with. */
const ways: Readonly<Record<string, string>> = {
  docker: "docker://HOST/REPOSITORY[:TAG]",
  oci: "oci:FOLDER[:TAG]",
  podman: "podman:NAME[:TAG]",
  "docker-daemon": "docker-daemon:NAME[:TAG]",
};

/**
 * Reads the name of a destination.
 *
 * @throws {UsageError} if it is none; the hint says what was probably meant, or how one is written
 */
export function parseDestination(text: string): DestinationReference {
  if (/^(docker:\/\/|oci:)/.test(text)) return parseReference(text);
  checkReferenceText(text);
  const [, transport, rest] = /^(podman|docker-daemon):(.*)$/s.exec(text) ?? [];
  if (transport !== undefined) {
    return parseEngine(text, transport as EngineReference["transport"], rest!);
  }
  throw refusedReference(
    text.slice(0, 200),
    "it begins with none of docker://, oci:, podman: and docker-daemon:",
    nearDestination(text),
    writtenAs(nearest(text.toLowerCase(), Object.keys(ways))),
  );
}

function parseEngine(
  text: string,
  transport: EngineReference["transport"],
  rest: string,
): EngineReference {
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  const name = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const plain = name.replace(/^\/+/, "").toLowerCase();
  const state = rest.includes("@")
    ? "an engine's image is named by a tag, not by a digest"
    : !isEngineName(name)
    ? `${JSON.stringify(name.slice(0, 80))} is not a name for an image`
    : tag !== undefined && !isTag(tag)
    ? `${JSON.stringify(tag!.slice(0, 80))} is not a tag`
    : undefined;
  if (state === undefined) return { transport, name, ...(tag === undefined ? {} : { tag }) };
  const near = plain === name ? undefined : `${transport}:${plain}${rest.slice(name.length)}`;
  throw refusedReference(text.slice(0, 200), state, firstRead(near), writtenAs(transport));
}

/** What was probably meant by a text that begins with no transport. */
function nearDestination(text: string): string | undefined {
  const [, word = "", rest = ""] = /^([a-z-]+):(?:\/\/)?(.*)$/is.exec(text) ?? [];
  const small = word.toLowerCase();
  if (small === "containers-storage") return firstRead(`podman:${rest}`);
  const near = nearest(small, Object.keys(ways).slice(1));
  return firstRead(nearReference(text), near && `${near}:${rest}`);
}

/** The first text that is a destination. */
function firstRead(...texts: (string | undefined)[]): string | undefined {
  return texts.find((text) => {
    try {
      return text !== undefined && parseDestination(text) !== undefined;
    } catch (error) {
      if (error instanceof UsageError) return false;
      throw error;
    }
  });
}

function writtenAs(word: string | undefined): string {
  const all = Object.values(ways);
  return `write ${
    word === undefined ? `${all.slice(0, -1).join(", ")} or ${all.at(-1)}` : ways[word]
  }`;
}

/** The name of a destination as a text; {@linkcode parseDestination} reads it back. */
export function formatDestination(reference: DestinationReference): string {
  if (reference.transport === "docker" || reference.transport === "oci") {
    return formatReference(reference);
  }
  const { transport, name, tag } = reference;
  return `${transport}:${name}${tag === undefined ? "" : `:${tag}`}`;
}

function isEngineName(text: string): boolean {
  if (isRepository(text)) return true;
  const slash = text.indexOf("/");
  return slash > 0 && isHost(text.slice(0, slash)) && isRepository(text.slice(slash + 1));
}
