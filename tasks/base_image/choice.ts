import type { Digest } from "../../lib/base/digest.ts";
import { isDigest } from "../../lib/base/digest_text.ts";
import { KedgeError } from "../../lib/base/errors.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { NixVersion } from "../../lib/nix/program/nix_version.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import type { RegistryReference } from "../../lib/oci/reference.ts";
import {
  type FoundBaseImage,
  lookUpBaseImage,
  nearestReleases,
  newestOfMinor,
  publishedReleases,
  shownName,
} from "./lookup.ts";
import type { CheckedBaseImage } from "./options.ts";

/** A tag that is one version and no other; a shorter one may follow the newest of several. */
const wholeVersion = /^\d+\.\d+\.\d+$/;

/** An image that was found, and the tag or digest under which. */
export type ChosenBaseImage = FoundBaseImage & { tag: string };

/**
 * Finds the image of a version in a repository, or what the fallback names; a digest that is pinned is that image or none.
 *
 * @throws {KedgeError} if there is none; the hint names the nearest
 * @throws {VerificationError} if the image's label says another version than its tag, that of the fallback too
 */
export async function chooseBaseImage(
  hosts: ImageHosts,
  checked: CheckedBaseImage,
  version: NixVersion,
  pinned: Digest | undefined,
  signal: AbortSignal,
): Promise<ChosenBaseImage> {
  const { platform, fallback, repository } = checked;
  const place = shownName(repository);
  const find = async (
    tag: string,
    release?: string,
    isOneOf = false,
  ): Promise<ChosenBaseImage | undefined> => {
    const wanted = { platform, ...(release === undefined ? {} : { release, isOneOf }) };
    const reference = { ...repository, ...(isDigest(tag) ? { digest: tag } : { tag }) };
    const found = await lookUpBaseImage(hosts, reference, wanted, signal);
    return found === undefined ? undefined : { ...found, tag };
  };
  if (pinned !== undefined) {
    const found = await find(pinned, fallback === "none" ? version.release : undefined);
    if (found !== undefined) {
      // What its label says need not be a tag of the registry, where the pin may be that of a fallback.
      const isTag = found.label === version.release &&
        (fallback === "none" ||
          await means(hosts, { ...repository, tag: found.label }, pinned, signal));
      return { ...found, tag: isTag ? found.label : pinned };
    }
    throw new KedgeError(
      `Cannot find "${place}@${pinned}": the lockfile pins it, and the registry has none`,
      { side: "source", hint: "move the pin with --update" },
    );
  }
  if (version.release !== undefined) {
    const found = await find(version.release, version.release);
    if (found !== undefined) return found;
  }
  let listed: Promise<string[]> | undefined;
  const releases = () => listed ??= publishedReleases(hosts, repository);
  if (fallback !== "none" && fallback !== "minor") {
    const found = await find(fallback, wholeVersion.test(fallback) ? fallback : undefined);
    if (found !== undefined) return found;
    const { near, hint } = await nearTags(
      /^\d/.test(fallback) ? fallback : version.version,
      releases,
      signal,
    );
    throw new KedgeError(
      `Cannot fall back to "${fallback}": "${place}" has no such ${
        isDigest(fallback) ? "digest" : "tag"
      }`,
      { side: "source", hint, data: { fallback, near } },
    );
  }
  if (fallback === "minor") {
    const newest = newestOfMinor(version.version, await releases());
    const found = newest === undefined
      ? undefined
      : await find(newest, newest, !wholeVersion.test(newest));
    if (found !== undefined) return found;
  }
  const { near, hint } = await nearTags(version.version, releases, signal);
  throw new KedgeError(
    `Cannot find a base image with Nix "${version.version}"${vendorOf(version)} in "${place}": ${
      version.unofficial ?? "it has no such tag"
    }`,
    { side: "source", hint, data: { version: version.version, near } },
  );
}

/** Whether a tag means a digest, as far as the registry tells: a mirror may have the pinned image alone. */
async function means(
  hosts: ImageHosts,
  reference: RegistryReference,
  digest: Digest,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await (await hosts.registry(reference)).lookUp())?.digest === digest;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KedgeError)) throw error;
    return false;
  }
}

/** The tags nearest to a version, and what to do with them; none where the registry does not list them, as some do for those who may only pull. */
async function nearTags(
  version: string,
  releases: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<{ near: string[]; hint: string }> {
  try {
    const near = nearestReleases(version, await releases());
    const hint = near.length === 0
      ? "the repository has no tag that is a version; name another with --repository"
      : `the nearest tags are ${near.join(", ")}; choose one with --fallback`;
    return { near, hint };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KedgeError)) throw error;
    const hint = "the registry does not list its tags; choose one that it has with --fallback";
    return { near: [], hint };
  }
}

/** Whose Nix it is that has a version of its own too, for people. */
function vendorOf({ version, vendorVersion = version }: NixVersion): string {
  return vendorVersion === version ? "" : ` of Determinate Nix ${vendorVersion}`;
}

/** Says, whenever another version than was asked for is taken, which one and why. */
export function noteFallback(found: ChosenBaseImage, version: NixVersion, meter: Meter): void {
  if (found.label === version.release) return;
  const reason = version.unofficial === undefined ? "" : ` (${version.unofficial})`;
  meter.note(
    `there is no image of Nix ${version.version}${
      vendorOf(version)
    }${reason}; taking the fallback ${found.tag}, ` +
      `which holds Nix ${found.label}`,
    "warning",
  );
}
