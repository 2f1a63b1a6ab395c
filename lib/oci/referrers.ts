import type { Digest } from "../base/digest.ts";
import { digestHex, parseDigest } from "../base/digest_text.ts";
import type { Descriptor } from "./descriptor.ts";
import { describeManifest, type Manifest, parseManifest } from "./manifest.ts";
import { MediaType } from "./media_type.ts";

/** The tag under which the referrers of a manifest are listed where there is no API for it. */
export function referrersTag(digest: Digest): string {
  return `sha256-${digestHex(digest)}`;
}

/** Whether the name of an image, pinned or not, has a tag under which referrers are listed. */
export function isReferrersName(name: string): boolean {
  return /:sha256-[0-9a-f]{64}(@sha256:[0-9a-f]{64})?$/.test(name);
}

/** Whether an index under such a name is a list of what is attached to some image: it is for no platform. */
export function isReferrersList(name: string, { kind, manifests }: Manifest): boolean {
  return kind === "index" && isReferrersName(name) && manifests.every((entry) => !entry.platform);
}

/** The tags under which cosign keeps the signatures, the attestations and the list of parts of a manifest, which name no subject. */
export function cosignTags(digest: Digest): string[] {
  return ["sig", "att", "sbom"].map((kind) => `${referrersTag(digest)}.${kind}`);
}

/** The manifest for whose sake there is such a tag, of cosign's or of a list, if it is one. */
export function subjectOfTag(tag: string): Digest | undefined {
  const hex = /^sha256-([0-9a-f]{64})(\.(sig|att|sbom))?$/.exec(tag)?.[1];
  return hex === undefined ? undefined : parseDigest(hex);
}

/** Of what has names, that which is not there for the sake of another image; all where nothing else is there. */
export function imagesAmong<T>(
  all: readonly T[],
  nameOf: (each: T) => string | undefined,
): readonly T[] {
  const images = all.filter((each) => subjectOfTag(nameOf(each) ?? "") === undefined);
  return images.length > 0 ? images : all;
}

/** A manifest as lists of referrers tell of it. */
export function describeReferrer(referrer: Manifest): Descriptor {
  const artifactType = referrer.artifactType ?? referrer.blobs[0]?.mediaType;
  return {
    ...describeManifest(referrer),
    ...(artifactType === undefined ? {} : { artifactType }),
    annotations: referrer.annotations,
  };
}

/** A list of referrers with one more; `undefined` if it is on the list. */
export function withReferrer(
  standing: readonly Descriptor[],
  referrer: Manifest,
): Manifest | undefined {
  if (standing.some(({ digest }) => digest === referrer.digest)) return undefined;
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: [...standing, describeReferrer(referrer)],
  });
  return parseManifest(new TextEncoder().encode(text), {
    name: "the list of referrers",
    mediaType: MediaType.ociIndex,
  });
}
