/**
 * What a registry says of a base image. Only manifests and the config are read; no layer is, and nothing is run.
 *
 * @module
 */
import * as v from "valibot";
import { compareVersions } from "../../lib/base/compare_versions.ts";
import type { Digest } from "../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../lib/base/errors.ts";
import type { Descriptor, Platform } from "../../lib/oci/descriptor.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import type { ImageSource } from "../../lib/oci/image_store.ts";
import type { Manifest } from "../../lib/oci/manifest.ts";
import { formatPlatform, normalizePlatform, selectPlatform } from "../../lib/oci/platform.ts";
import { platformLeaves } from "../../lib/oci/platform_leaves.ts";
import { formatReference, type RegistryReference } from "../../lib/oci/reference.ts";
import { RegistryClient } from "../../lib/oci/registry/registry_client.ts";
import { verified } from "../../lib/oci/verified.ts";

/** What was found of a base image. */
export interface FoundBaseImage {
  /** What the tag points to: an index or the manifest itself. */
  digest: Digest;
  /** The manifest for the platform. */
  manifestDigest: Digest;
  /** The config, by which engines know the image. */
  configDigest: Digest;
  /** The version of Nix that its label says, or its history where it has no label. */
  label: string;
  /** All bytes of it for the platform: config and layers. */
  size: number;
}

/** What an image must be. */
export interface WantedBaseImage {
  /** For what. */
  platform: Platform;
  /** Which release its label must name. */
  release?: string;
  /** Whether that may also be one of those that begin so: 2.31.4 for 2.31. */
  isOneOf?: boolean;
  /** Whether it is the lockfile that names it for that release. */
  isPinned?: boolean;
}

/** The label that holds the version of what is in an image. */
const versionLabel = "org.opencontainers.image.version";

const largestConfigBytes = 4 * 1024 * 1024;
const mostTagsRead = 20_000;
const nearCount = 3;

const configSchema = v.object({
  os: v.optional(v.string()),
  architecture: v.optional(v.string()),
  config: v.optional(v.nullable(v.object({
    Labels: v.optional(v.nullable(v.record(v.string(), v.string()))),
  }))),
  history: v.optional(v.nullable(v.array(v.object({
    comment: v.optional(v.nullable(v.string())),
  })))),
});

/**
 * Finds an image by its tag or digest, for one platform, in the mirrors of its repository too; `undefined` if there is no such tag.
 *
 * @throws {KedgeError} if the image is for other platforms only
 * @throws {VerificationError} if the label is missing, is not a version, or is not the wanted one
 */
export async function lookUpBaseImage(
  hosts: ImageHosts,
  reference: RegistryReference,
  wanted: WantedBaseImage,
  signal: AbortSignal,
): Promise<FoundBaseImage | undefined> {
  const opened = await hosts.registry(reference);
  const root = await opened.lookUp();
  if (root === undefined) return undefined;
  const name = shownName(reference);
  const manifest = root.kind === "image"
    ? root
    : await pick(opened, root, { platform: wanted.platform, name, signal });
  const [config] = manifest.blobs;
  if (config === undefined) throw new VerificationError(`Cannot use "${name}": it has no config`);
  const { os, architecture, said } = await readConfig(opened, config, name, signal);
  const { platform, release, isOneOf = false, isPinned = false } = wanted;
  const [meant, there] = [platform, { os, architecture }].map(normalizePlatform);
  if (there!.os !== meant!.os || there!.architecture !== meant!.architecture) {
    throw wrongPlatform(name, platform, architecture === "" ? [] : [`${os}/${architecture}`]);
  }
  const [source, label] = said;
  if (label === undefined) {
    throw new VerificationError(
      `Cannot use "${name}" as base image: its config has no label ${versionLabel}, and its history names no one Nix`,
      { side: "source", hint: "name the repository of official images with --repository" },
    );
  }
  if (!/^\P{Cc}{1,128}$/u.test(label)) {
    throw new VerificationError(
      `Cannot use "${name}" as base image: its ${source} ${
        JSON.stringify(label.slice(0, 60))
      } is not a version`,
      { side: "source", hint: "name the repository of official images with --repository" },
    );
  }
  const isWanted = release === undefined || label === release ||
    isOneOf && label.startsWith(`${release}.`);
  if (!isWanted) {
    const says = `its ${source} says version ${JSON.stringify(label.slice(0, 60))}`;
    const [state, hint] = isPinned
      ? [
        `the lockfile pins it for Nix "${release}", and ${says}`,
        `a merge may have mixed up the pins: restore the lockfile, or pin anew with --update=${release}`,
      ]
      : [
        `${says}, not "${release}"`,
        "the tag was moved or made by mistake; name another repository with --repository",
      ];
    throw new VerificationError(`Cannot use "${name}" as base image: ${state}`, {
      side: "source",
      hint,
      data: { label, release },
    });
  }
  return {
    digest: root.digest,
    manifestDigest: manifest.digest,
    configDigest: config.digest,
    label,
    size: manifest.blobs.reduce((sum, blob) => sum + blob.size, 0),
  };
}

/** A reference as people write it, without the transport. */
export function shownName(reference: RegistryReference): string {
  return formatReference(reference).replace(/^docker:\/\//, "");
}

async function pick(
  source: ImageSource,
  index: Manifest,
  { platform, name, signal }: { platform: Platform; name: string; signal: AbortSignal },
): Promise<Manifest> {
  const leaves = await platformLeaves(source, index, [platform], signal);
  const [entry] = selectPlatform(leaves, platform);
  if (entry === undefined) {
    const there = leaves.flatMap((each) => each.platform ?? []).map(formatPlatform);
    throw wrongPlatform(name, platform, there.filter((each) => !each.startsWith("unknown/")));
  }
  const manifest = await source.manifest(entry);
  if (manifest.kind === "image") return manifest;
  throw new VerificationError(
    `Cannot use "${name}": its index names ${entry.digest} for the platform, which is another index`,
    { side: "source" },
  );
}

function wrongPlatform(name: string, platform: Platform, there: readonly string[]): KedgeError {
  return new KedgeError(
    `Cannot use "${name}" on ${formatPlatform(platform)}: it is for ${
      there.length === 0 ? "no platform that it names" : there.join(", ")
    }`,
    {
      side: "source",
      data: { platforms: there },
      ...(there.length === 0 ? {} : { hint: "choose one of these with --platform" }),
    },
  );
}

async function readConfig(
  source: ImageSource,
  config: Descriptor,
  name: string,
  signal: AbortSignal,
): Promise<
  { os: string; architecture: string; said: [source: "label" | "history", version?: string] }
> {
  const bad = (state: string) =>
    new VerificationError(`Cannot read the config of "${name}": ${state}`);
  if (config.size > largestConfigBytes) throw bad(`it has ${config.size} bytes`);
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of verified(config, source.read(config, 0, signal), { name })) {
    text += decoder.decode(piece, { stream: true });
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), configSchema), text);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const place = v.getDotPath(issue);
    throw bad(place === null ? issue.message : `${place}: ${issue.message}`);
  }
  const { os = "linux", architecture = "", config: inner, history } = parsed.output;
  const label = inner?.Labels?.[versionLabel];
  if (label !== undefined) return { os, architecture, said: ["label", label] };
  const version = versionOfHistory(history?.map(({ comment }) => comment ?? "") ?? []);
  return { os, architecture, said: version === undefined ? ["history"] : ["history", version] };
}

/**
 * The version of the one Nix that the comments on layers name: official images have a label from Nix 2.30 on, and those before it only what
 * nixpkgs notes, `store paths: ['/nix/store/...-nix-2.8.0', ...]`. One that is not a release counts too: beside it no other is the one Nix.
 */
function versionOfHistory(comments: readonly string[]): string | undefined {
  const named = comments.filter((comment) => comment.startsWith("store paths: ")).flatMap((
    each,
  ) => [...each.matchAll(/'\/nix\/store\/[0-9a-z]{32}-nix-(\d[^'-]*)'/g)]);
  const [version, ...others] = new Set(named.map((match) => match[1]!));
  return others.length === 0 ? version : undefined;
}

/** The releases that a repository has tags of, oldest first; as its own registry says, since a mirror may lack some. */
export async function publishedReleases(
  hosts: ImageHosts,
  reference: RegistryReference,
): Promise<string[]> {
  const { host, repository } = await hosts.origin(reference);
  const client = new RegistryClient(host, repository);
  const found: string[] = [];
  let read = 0;
  for await (const tag of client.tags()) {
    if (/^\d+\.\d+(\.\d+)?$/.test(tag)) found.push(tag);
    if (++read >= mostTagsRead) break;
  }
  return found.sort(compareVersions);
}

/** The releases nearest to a version: those of the same minor version first, the newest of them before all. */
export function nearestReleases(version: string, releases: readonly string[]): string[] {
  const numbers = /^\d+(\.\d+)*/.exec(version)?.[0] ?? "";
  const place = releases.filter((each) => compareVersions(each, numbers) < 0).length;
  const around = releases.flatMap((_, i) => [releases[place - 1 - i], releases[place + i]])
    .filter((each) => each !== undefined);
  const isNear = ofMinor(version);
  const newest = releases.filter(isNear).slice(-1);
  return [...new Set([...newest, ...around.filter(isNear), ...around])].slice(0, nearCount);
}

/** The newest release with the same two first numbers as a version. */
export function newestOfMinor(version: string, releases: readonly string[]): string | undefined {
  return releases.findLast(ofMinor(version));
}

function ofMinor(version: string): (release: string) => boolean {
  const minor = /^\d+\.\d+/.exec(version)?.[0];
  return (release) => release === minor || release.startsWith(`${minor}.`);
}
