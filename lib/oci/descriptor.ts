import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";

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

const platformSchema = v.object({
  os: v.string(),
  architecture: v.string(),
  variant: v.optional(v.string()),
  "os.version": v.optional(v.string()),
});

const digestSchema = v.pipe(
  v.string(),
  v.check(
    isDigest,
    (issue) => `the digest ${JSON.stringify(String(issue.input).slice(0, 80))} is not sha256`,
  ),
  v.transform((text) => text as Digest),
);

/** Reads a descriptor in JSON from outside. */
export const descriptorSchema: v.GenericSchema<unknown, Descriptor> = v.looseObject({
  mediaType: v.pipe(
    v.string(),
    v.regex(/^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/, "a media type is malformed"),
  ),
  digest: digestSchema,
  size: v.pipe(
    v.number(),
    v.safeInteger("a size is no whole number"),
    v.minValue(0, "a size is negative"),
    v.maxValue(largestBytes, "a size is beyond reason"),
  ),
  annotations: v.optional(v.record(v.string(), v.string())),
  urls: v.optional(v.array(v.string())),
  platform: v.optional(platformSchema),
  artifactType: v.optional(v.string()),
});
