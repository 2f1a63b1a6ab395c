/**
 * What is attached to the manifests of one repository: lists that the registry keeps, or, where it has no referrers API, those under the
 * fallback tags, which whoever attaches something has to keep.
 *
 * Invariants: a list of ours is read and written by one at a time of this process, so that none of two that attach something is lost;
 * other processes are not known of, and the specification has nothing against them.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { KedgeError, NotAllowedError, VerificationError } from "../../base/errors.ts";
import { contentType } from "./content_type.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ListedReferrers } from "../image_store.ts";
import { listPages } from "./list_pages.ts";
import { type Manifest, parseManifest } from "../manifest.ts";
import { MediaType } from "../media_type.ts";
import { pooled } from "../pooled.ts";
import { readLimited } from "./read_limited.ts";
import { referrersTag, withReferrer } from "../referrers.ts";
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
/** Of a longer list, which costs a request for each, it is not looked ahead what is gone: that the registry refuses it shows it too. */
const mostLookedFor = 200;
/** What registries without such an API answer. */
const noApiStatuses = [400, 404, 405];

/** The lists of one repository. */
export class RegistryReferrers {
  #repository: ReferrersRepository;
  #hasApi: Promise<boolean> | undefined;
  #gone = new Set<Digest>();

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

  /**
   * What a list of ours has of a manifest; `undefined` where the registry keeps the lists itself. Where something is to be added to it, and it
   * is not long, it is looked whether the rest of it is there, as far as that is not known.
   *
   * @param there what was found in this repository just now
   */
  async listed(
    subject: Digest,
    added: readonly Digest[],
    there: Pick<ReadonlySet<Digest>, "has"> = new Set(),
  ): Promise<ListedReferrers | undefined> {
    if (await (this.#hasApi ??= this.#asksApi(subject))) return undefined;
    const standing = await this.#tagged(subject);
    const digests = new Set(standing.map(({ digest }) => digest));
    const gone = new Set<Digest>();
    if (standing.length <= mostLookedFor && added.some((digest) => !digests.has(digest))) {
      const unknown = standing.filter(({ digest }) => !there.has(digest));
      const found = await this.#there(unknown);
      for (const each of unknown) if (!found.includes(each)) gone.add(each.digest);
    }
    for (const digest of gone) this.#gone.add(digest);
    return { digests, gone };
  }

  /** Puts a manifest on the list of ours of its subject; what was seen to be gone goes off it, unless somebody brought it again. */
  async add(subject: Digest, referrer: Manifest): Promise<void> {
    const { host, repository } = this.#repository;
    await host.turns.take(`referrers of ${repository}@${subject}`, async () => {
      const standing = await this.#tagged(subject);
      this.#gone.delete(referrer.digest);
      if (standing.some(({ digest }) => digest === referrer.digest)) return;
      const doubtful = standing.filter(({ digest }) => this.#gone.has(digest));
      const back = await this.#there(doubtful);
      const kept = standing.filter((each) => !doubtful.includes(each) || back.includes(each));
      try {
        await this.#putList(subject, withReferrer(kept, referrer));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        // A list that names what is gone can be put no more: what went since it was planned goes off it too.
        const there = await this.#there(kept);
        if (there.length === kept.length) throw error;
        await this.#putList(subject, withReferrer(there, referrer));
      }
    });
  }

  async #putList(subject: Digest, list: Manifest | undefined): Promise<void> {
    if (list !== undefined) await this.#repository.putManifest(referrersTag(subject), list);
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
