/**
 * What is attached to the manifests of one repository: lists that the registry keeps, or, where it has no referrers API, those under the
 * fallback tags, which whoever attaches something has to keep.
 *
 * Invariants: a list of ours is read and written by one at a time of this process, so that none of two that attach something is lost;
 * other processes are not known of, and the specification has nothing against them.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { KedgeError, NotAllowedError, VerificationError } from "../base/errors.ts";
import { contentType } from "./content_type.ts";
import type { Descriptor } from "./descriptor.ts";
import { listPages } from "./list_pages.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { MediaType } from "./media_type.ts";
import { pooled } from "./pooled.ts";
import { readLimited } from "./read_limited.ts";
import { referrersTag, withReferrer } from "./referrers.ts";
import type { RegistryBlobs } from "./registry_blobs.ts";

/** The repository, as far as its lists need it. */
export type ReferrersRepository =
  & Pick<RegistryBlobs, "host" | "repository" | "may" | "name" | "url">
  & {
    /** A manifest; `undefined` if there is none. */
    manifest(reference: string): Promise<Manifest | "unchanged" | undefined>;
    /** What is told of a manifest; `undefined` if there is none. */
    headManifest(reference: string): Promise<unknown>;
    /** Puts a manifest. */
    putManifest(reference: string, manifest: Manifest): Promise<void>;
  };

const mostReferrers = 10_000;
/** What registries without such an API answer. */
const noApiStatuses = [400, 404, 405];

/** The lists of one repository. */
export class RegistryReferrers {
  #repository: ReferrersRepository;
  #hasApi: Promise<boolean> | undefined;

  /** Asks for nothing yet. */
  constructor(repository: ReferrersRepository) {
    this.#repository = repository;
  }

  /** The manifests that are attached to a manifest. */
  async of(subject: Digest): Promise<readonly Descriptor[]> {
    const { host, repository, name, may } = this.#repository;
    const found: Descriptor[] = [];
    const pages = listPages(host, repository, this.#url(subject), {
      accept: noApiStatuses,
      may,
      action: "list the referrers",
    });
    for await (const page of pages) {
      const bytes = await readLimited(page, `${name}@${subject}`);
      if (!isList(page)) return await this.#tagged(subject);
      const manifest = parseManifest(bytes, {
        name: `${name}@${subject}`,
        mediaType: MediaType.ociIndex,
      });
      found.push(...manifest.manifests);
      if (found.length > mostReferrers) {
        throw new VerificationError(
          `Cannot read "${name}": it has more than ${mostReferrers} referrers`,
        );
      }
    }
    return found;
  }

  /** What a list of ours has of a manifest; `undefined` where the registry keeps the lists itself. */
  async listed(subject: Digest): Promise<readonly Descriptor[] | undefined> {
    return await (this.#hasApi ??= this.#asksApi(subject))
      ? undefined
      : await this.#tagged(subject);
  }

  /** Puts a manifest on the list of ours of its subject. */
  async add(subject: Digest, referrer: Manifest): Promise<void> {
    const { host, repository } = this.#repository;
    await host.turns.take(`referrers of ${repository}@${subject}`, async () => {
      const standing = await this.#tagged(subject);
      try {
        await this.#putList(subject, withReferrer(standing, referrer));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        // A list that names what is gone can be put no more: what is gone goes off it.
        const there = await this.#there(standing);
        if (there.length === standing.length) throw error;
        await this.#putList(subject, withReferrer(there, referrer));
      }
    });
  }

  async #putList(subject: Digest, index: Manifest | undefined): Promise<void> {
    if (index !== undefined) await this.#repository.putManifest(referrersTag(subject), index);
  }

  /** Those of a list that the repository has. */
  async #there(listed: readonly Descriptor[]): Promise<Descriptor[]> {
    const there = new Set<Digest>();
    const { pace } = this.#repository.host;
    const { signal = new AbortController().signal } = this.#repository.host;
    await pooled(listed, pace, signal, async ({ digest }) => {
      if (await this.#repository.headManifest(digest) !== undefined) there.add(digest);
    });
    return listed.filter(({ digest }) => there.has(digest));
  }

  async #asksApi(subject: Digest): Promise<boolean> {
    const { host, repository, may } = this.#repository;
    try {
      const response = await host.request(repository, this.#url(subject), {
        accept: noApiStatuses,
        may,
        action: "list the referrers",
      });
      await response.body?.cancel();
      return isList(response);
    } catch (error) {
      // Who may put manifests can keep the lists, also where these cannot be asked for.
      if (error instanceof NotAllowedError) return false;
      throw error;
    }
  }

  async #tagged(subject: Digest): Promise<readonly Descriptor[]> {
    const index = await this.#repository.manifest(referrersTag(subject));
    return index === undefined || index === "unchanged" ? [] : index.manifests;
  }

  #url(subject: Digest): URL {
    return this.#repository.url(`referrers/${subject}`);
  }
}

function isList(response: Response): boolean {
  return response.ok && contentType(response) === MediaType.ociIndex;
}

/** Whether a registry said that it does not take a list as it is. */
function isRefusal(error: unknown): boolean {
  return error instanceof KedgeError && [400, 404].includes(Number(error.data["status"]));
}
