/**
 * The names of images in an engine's store: `podman:name[:tag]` and `docker-daemon:name[:tag]`. A name may begin with a host, as engines
 * show it, and need not.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { formatReference, type ImageReference, parseReference } from "./reference.ts";
import { isHost, isRepository, isTag } from "./reference_grammar.ts";

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

/**
 * Reads the name of a destination.
 *
 * @throws {UsageError} if it is none
 */
export function parseDestination(text: string): DestinationReference {
  const match = /^(podman|docker-daemon):(.*)$/s.exec(text);
  if (match === null) return parseReference(text);
  const transport = match[1] as EngineReference["transport"];
  const rest = match[2]!;
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  const name = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const state = rest.includes("@")
    ? "an engine's image is named by a tag, not by a digest"
    : !isEngineName(name)
    ? `${JSON.stringify(name.slice(0, 80))} is no name for an image`
    : tag !== undefined && !isTag(tag)
    ? `${JSON.stringify(tag!.slice(0, 80))} is no tag`
    : undefined;
  if (state === undefined) return { transport, name, ...(tag === undefined ? {} : { tag }) };
  throw new UsageError(
    `Cannot read the reference ${JSON.stringify(text.slice(0, 200))}: ${state}`,
    {
      hint: `write ${transport}:NAME[:TAG]`,
      data: { reference: text.slice(0, 200) },
    },
  );
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
