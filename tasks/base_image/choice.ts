import type { Digest } from "../../lib/base/digest.ts";
import { isDigest } from "../../lib/base/digest_text.ts";
import { KedgeError } from "../../lib/base/errors.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { NixVersion } from "../../lib/nix/program/nix_version.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
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
  const choice = new BaseImageChoice(hosts, checked, version, signal);
  return pinned === undefined ? await choice.wanted() : await choice.pinned(pinned);
}

/** What there is to choose from for one version. */
class BaseImageChoice {
  readonly #hosts: ImageHosts;
  readonly #checked: CheckedBaseImage;
  readonly #version: NixVersion;
  readonly #signal: AbortSignal;
  /** The repository, for people. */
  readonly #place: string;
  #releases: Promise<string[]> | undefined;

  constructor(
    hosts: ImageHosts,
    checked: CheckedBaseImage,
    version: NixVersion,
    signal: AbortSignal,
  ) {
    this.#hosts = hosts;
    this.#checked = checked;
    this.#version = version;
    this.#signal = signal;
    this.#place = shownName(checked.repository);
  }

  async pinned(digest: Digest): Promise<ChosenBaseImage> {
    const { fallback } = this.#checked;
    const { release } = this.#version;
    const found = await this.#find(digest, fallback === "none" ? { release, isPinned: true } : {});
    if (found === undefined) {
      throw new KedgeError(
        `Cannot find "${this.#place}@${digest}": the lockfile pins it, and the registry has none`,
        { side: "source", hint: "move the pin with --update" },
      );
    }
    // What its label says need not be a tag of the registry, where the pin may be that of a fallback.
    const isTag = found.label === release &&
      (fallback === "none" || await this.#means(found.label, digest));
    return { ...found, tag: isTag ? found.label : digest };
  }

  /** The image of the version, else that of the fallback. */
  async wanted(): Promise<ChosenBaseImage> {
    const { fallback } = this.#checked;
    const { release } = this.#version;
    const found = release === undefined ? undefined : await this.#find(release, { release });
    if (found !== undefined) return found;
    if (fallback !== "none" && fallback !== "minor") return await this.#named(fallback);
    return (fallback === "minor" ? await this.#ofMinor() : undefined) ?? await this.#refuse();
  }

  async #named(fallback: string): Promise<ChosenBaseImage> {
    const found = await this.#find(
      fallback,
      wholeVersion.test(fallback) ? { release: fallback } : {},
    );
    if (found !== undefined) return found;
    const { near, hint } = await this.#near(
      /^\d/.test(fallback) ? fallback : this.#version.version,
    );
    const what = isDigest(fallback) ? "digest" : "tag";
    throw new KedgeError(
      `Cannot fall back to "${fallback}": "${this.#place}" has no such ${what}`,
      { side: "source", hint, data: { fallback, near } },
    );
  }

  /** The newest image of the same minor version. */
  async #ofMinor(): Promise<ChosenBaseImage | undefined> {
    const newest = newestOfMinor(this.#version.version, await this.#published());
    if (newest === undefined) return undefined;
    return await this.#find(newest, { release: newest, isOneOf: !wholeVersion.test(newest) });
  }

  async #refuse(): Promise<never> {
    const { version, unofficial = "it has no such tag" } = this.#version;
    const { near, hint } = await this.#near(version);
    throw new KedgeError(
      `Cannot find a base image with Nix "${version}"${
        vendorOf(this.#version)
      } in "${this.#place}": ${unofficial}`,
      { side: "source", hint, data: { version, near } },
    );
  }

  /** The image under a tag or digest, whose label must say the release, where one is given. */
  async #find(
    tag: string,
    { release, ...how }: {
      release?: string | undefined;
      isOneOf?: boolean;
      isPinned?: boolean;
    },
  ): Promise<ChosenBaseImage | undefined> {
    const { platform, repository } = this.#checked;
    const wanted = { platform, ...(release === undefined ? {} : { release, ...how }) };
    const reference = { ...repository, ...(isDigest(tag) ? { digest: tag } : { tag }) };
    const found = await lookUpBaseImage(this.#hosts, reference, wanted, this.#signal);
    return found === undefined ? undefined : { ...found, tag };
  }

  /** Whether a tag means a digest, as far as the registry tells: a mirror may have the pinned image alone. */
  async #means(tag: string, digest: Digest): Promise<boolean> {
    try {
      const registry = await this.#hosts.registry({ ...this.#checked.repository, tag });
      return (await registry.lookUp())?.digest === digest;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof KedgeError)) throw error;
      return false;
    }
  }

  /** The tags nearest to a version, and what to do with them; none where the registry does not list them, as some do for those who may only pull. */
  async #near(version: string): Promise<{ near: string[]; hint: string }> {
    try {
      const near = nearestReleases(version, await this.#published());
      const hint = near.length === 0
        ? "the repository has no tag that is a version; name another with --repository"
        : `the nearest tags are ${near.join(", ")}; choose one with --fallback`;
      return { near, hint };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof KedgeError)) throw error;
      const hint = "the registry does not list its tags; choose one that it has with --fallback";
      return { near: [], hint };
    }
  }

  #published(): Promise<string[]> {
    return this.#releases ??= publishedReleases(this.#hosts, this.#checked.repository);
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
