import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { JsonFields, type RefuseJson } from "./json_fields.ts";

/** For which machine an image is made. */
export interface Platform {
  /** `linux`, `windows`, ... */
  os: string;
  /** `amd64`, `arm64`, ... */
  architecture: string;
  /** `v7`, `v8`, ... */
  variant?: string | undefined;
  /** The version of the system, on Windows. */
  "os.version"?: string | undefined;
}

/** What points to content: its type, its digest and its size. */
export interface Descriptor {
  /** The type of the content. */
  mediaType: string;
  /** The sha256 of the content. */
  digest: Digest;
  /** Its size, in bytes. */
  size: number;
  /** Facts about it. */
  annotations?: Record<string, string> | undefined;
  /** Where else it is; foreign layers are only there. */
  urls?: string[] | undefined;
  /** For which machine it is. */
  platform?: Platform | undefined;
  /** The type of the artifact behind it. */
  artifactType?: string | undefined;
}

/** The largest size that a descriptor may claim: a tebibyte of tebibytes is a lie. */
const largestBytes = 2 ** 50;

const mediaType = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/;

/** A digest of another algorithm than sha256, by the grammar of the OCI image specification. */
const otherDigest = /^(?!sha256:)[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{1,256}$/;

/** The next step where something is named by another algorithm than sha256. */
export const otherDigestHint =
  "only sha256 is supported: have the image made, or pushed, with that";

/** Reads the descriptor of something that others may have named by another algorithm; its digest is to be looked at before it is used. */
export function readAnyDescriptor(value: unknown, at: string, refuse: RefuseJson): Descriptor {
  return readDescriptor(value, at, refuse, (text) => isDigest(text) || otherDigest.test(text));
}

/** Reads a descriptor in JSON from outside, which lies at a path; what it says beyond this is kept. */
export function readDescriptor(
  value: unknown,
  at: string,
  refuse: RefuseJson,
  fits: (digest: string) => boolean = isDigest,
): Descriptor {
  const fields = new JsonFields(value, at, refuse);
  if (!mediaType.test(fields.text("mediaType"))) {
    throw fields.refused("mediaType", "a media type is malformed");
  }
  const digest = fields.text("digest");
  if (!fits(digest)) {
    const state = `the digest ${JSON.stringify(digest.slice(0, 80))} is not sha256`;
    throw fields.refused("digest", state, otherDigest.test(digest) ? otherDigestHint : undefined);
  }
  const size = fields.number("size");
  const state = !Number.isSafeInteger(size)
    ? "a size is not a whole number"
    : size < 0
    ? "a size is negative"
    : size > largestBytes
    ? "a size is beyond reason"
    : undefined;
  if (state !== undefined) throw fields.refused("size", state);
  fields.optional("annotations", (name) => fields.texts(name));
  fields.optional("urls", (name) => fields.textList(name));
  fields.optional("platform", (name) => fields.object(name, checkPlatform));
  fields.optional("artifactType", (name) => fields.text(name));
  return value as Descriptor;
}

function checkPlatform(value: unknown, at: string, refuse: RefuseJson): void {
  const fields = new JsonFields(value, at, refuse);
  for (const name of ["os", "architecture"]) fields.text(name);
  for (const name of ["variant", "os.version"]) fields.optional(name, (each) => fields.text(each));
}
