/**
 * Manifests and indexes, checked at the border.
 *
 * Invariants: nothing above 4 MiB is parsed; the type that the server claims and the one inside must agree; every digest is sha256,
 * every size a whole number that is not negative; the bytes stay as they came, since their hash is their name.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import { type Digest, sha256 } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { type Descriptor, readAnyDescriptor, readDescriptor } from "./descriptor.ts";
import { JsonFields } from "./json_fields.ts";
import { isIndexType, isManifestType, MediaType } from "./media_type.ts";

/** The largest manifest, in bytes: what the distribution specification expects everyone to take. */
export const largestManifestBytes: number = 4 * 1024 * 1024;

/** The most bytes of manifests that one image may have together: they are held in memory. */
export const mostManifestBytes: number = 256 * 1024 * 1024;

/** The most manifests that one image may have together. */
export const mostManifests: number = 10_000;

/** How far below the root of an image a manifest may be. */
export const deepestManifest: number = 8;

/** A manifest or an index, with the bytes that it was read from. */
export interface Manifest {
  /** Whether it points to content, or to further manifests. */
  readonly kind: "image" | "index";
  /** Its type, as a registry must be told. */
  readonly mediaType: string;
  /** The sha256 of `bytes`. */
  readonly digest: Digest;
  /** The very bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The blobs of an image: its config, then its layers; empty in an index. */
  readonly blobs: readonly Descriptor[];
  /** The manifests of an index; empty in an image. */
  readonly manifests: readonly Descriptor[];
  /** What it is attached to, where it is a signature or the like. */
  readonly subject?: Descriptor;
  /** The type of the artifact that it is. */
  readonly artifactType?: string;
  /** Facts about it. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Options of {@linkcode parseManifest}. */
export interface ParseManifestOptions {
  /** Where it came from, for messages. */
  name: string;
  /** The type that the server or the descriptor claims. */
  mediaType?: string | undefined;
  /** The digest that it must have. */
  digest?: Digest | undefined;
  /** Whether the manifests of an index may be named by other algorithms than sha256. @default {false} */
  anyAlgorithm?: boolean;
}

/**
 * Reads a manifest or an index.
 *
 * @throws {VerificationError} if it is too large, of the wrong digest, no JSON, or not what its type says
 */
export function parseManifest(
  bytes: Uint8Array<ArrayBuffer>,
  options: ParseManifestOptions,
): Manifest {
  const refuse = (state: string, hint?: string, cause?: unknown) =>
    new VerificationError(`Cannot read the manifest of "${options.name}": ${state}`, {
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
      data: { name: options.name },
    });
  if (bytes.byteLength > largestManifestBytes) {
    throw refuse(`it has ${bytes.byteLength} bytes, more than ${largestManifestBytes}`);
  }
  const digest = sha256(bytes);
  if (options.digest !== undefined && digest !== options.digest) {
    throw refuse(`it has the digest ${digest}, not ${options.digest}`);
  }
  const json = parseJson(bytes, refuse);
  const inside = json["mediaType"];
  const mediaType = typeOf(json, typeof inside === "string" ? inside : undefined, options, refuse);
  const fields = new JsonFields(json, "", refuse);
  const list = (name: string, read = readDescriptor) =>
    fields.list(name, (item, at) => read(item, at, refuse));
  const whole = { mediaType, digest, bytes, ...commonOf(fields, json) };
  if (isIndexType(mediaType)) {
    const read = options.anyAlgorithm ? readAnyDescriptor : readDescriptor;
    return { kind: "index", ...whole, blobs: [], manifests: list("manifests", read) };
  }
  if (mediaType === MediaType.ociArtifact) {
    const blobs = fields.optional("blobs", (name) => list(name)) ?? [];
    return { kind: "image", ...whole, blobs, manifests: [] };
  }
  const blobs = [fields.object("config", readDescriptor), ...list("layers")];
  return { kind: "image", ...whole, blobs, manifests: [] };
}

type Refuse = (state: string, hint?: string, cause?: unknown) => VerificationError;

function parseJson(bytes: Uint8Array, refuse: Refuse): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const start = new TextDecoder().decode(bytes.subarray(0, 512)).trimStart().toLowerCase();
    if (start.startsWith("<!doctype") || start.startsWith("<html")) {
      throw refuse("the server answered with an HTML page", "is this the address of a registry?");
    }
    throw refuse("it is not JSON", undefined, cause);
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw refuse("it is not a JSON object");
}

function typeOf(
  json: Record<string, unknown>,
  inside: string | undefined,
  options: ParseManifestOptions,
  refuse: Refuse,
): string {
  if (json["schemaVersion"] === 1) {
    throw refuse("it is of Docker's schema 1", "push the image again with a recent tool");
  }
  const hasManifests = Array.isArray(json["manifests"]);
  const hasLayers = Array.isArray(json["layers"]);
  // Readers that go by the one or by the other would see two images under one digest.
  if (hasManifests && (hasLayers || (json["config"] ?? undefined) !== undefined)) {
    throw refuse("it is both an image and an index");
  }
  const claimed = options.mediaType !== undefined && isManifestType(options.mediaType)
    ? options.mediaType
    : undefined;
  if (inside !== undefined) {
    if (!isManifestType(inside)) throw refuse(`its type "${inside.slice(0, 100)}" is unknown`);
    if (claimed !== undefined && claimed !== inside) {
      throw refuse(`it was announced as ${claimed} and says that it is ${inside}`);
    }
    return inside;
  }
  if (claimed !== undefined) return claimed;
  if (hasManifests) return MediaType.ociIndex;
  if (hasLayers) return MediaType.ociManifest;
  throw refuse("it is neither an image nor an index");
}

/** What images and indexes may both say. */
function commonOf(
  fields: JsonFields,
  json: Record<string, unknown>,
): Pick<Manifest, "subject" | "artifactType" | "annotations"> {
  const version = json["schemaVersion"];
  if (version !== undefined && version !== 2) {
    throw fields.refused("schemaVersion", "schemaVersion is not 2");
  }
  fields.optional("mediaType", (name) => fields.text(name));
  return {
    ...defined({
      subject: fields.optional("subject", (name) => fields.object(name, readDescriptor)),
      artifactType: fields.optional("artifactType", (name) => fields.text(name)),
    }),
    annotations: fields.optional("annotations", (name) => fields.texts(name)) ?? {},
  };
}

/** The descriptor that points to a manifest. */
export function describeManifest(manifest: Manifest): Descriptor {
  return {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.bytes.byteLength,
  };
}
