/**
 * The requests of the distribution specification 1.1 about one repository.
 *
 * Invariants: what `Docker-Content-Digest` claims is believed only where no bytes are read; manifests are hashed and limited to 4 MiB.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { isDigest } from "../../base/digest_text.ts";
import { KedgeError, VerificationError } from "../../base/errors.ts";
import { bodyStart } from "../../http/body_start.ts";
import { RetryBudget } from "../../http/retry_policy.ts";
import { contentType } from "./content_type.ts";
import { listPages } from "./list_pages.ts";
import { type Manifest, parseManifest, type ParseManifestOptions } from "../manifest.ts";
import { manifestTypes } from "../media_type.ts";
import { readLimited } from "./read_limited.ts";
import { isTag } from "../reference_grammar.ts";
import { RegistryBlobs } from "./registry_blobs.ts";
import { registryMessage } from "./registry_message.ts";
import { RegistryReferrers } from "./registry_referrers.ts";
import { type ManifestHead, toldManifest } from "./told_manifest.ts";

const mostTags = 1_000_000;
const mostHalfMs = 1000;

/** Speaks of one repository of a registry. */
export class RegistryClient extends RegistryBlobs {
  /** What is attached to its manifests. */
  readonly referrers: RegistryReferrers = new RegistryReferrers(this);
  /** Whether it tells true digests, as far as is known, none, or a wrong one at any time: what it sends is hashed instead then. */
  #digests: "true" | "none" | "wrong" = "true";

  /** What the registry says of a manifest; `undefined` if there is none. */
  async headManifest(reference: string): Promise<ManifestHead | undefined> {
    const response = this.#digests === "true"
      ? await this.headOf(`manifests/${reference}`, {
        headers: { accept: manifestTypes.join(", ") },
        action: "look for the manifest",
      })
      : undefined;
    if (response === undefined) return await this.#headOfManifest(reference);
    if (response.status === 404) return undefined;
    const digest = response.headers.get("docker-content-digest") ?? "";
    if (!isDigest(digest)) return await this.#headOfManifest(reference);
    const length = response.headers.get("content-length");
    const size = length === null ? undefined : Number(length);
    return { digest, mediaType: contentType(response) ?? "", size };
  }

  /** For a registry that tells nothing by HEAD, no digests, or wrong ones: those of what it sends. */
  async #headOfManifest(reference: string): Promise<ManifestHead | undefined> {
    const found = await this.#get(reference, toldManifest);
    return found === "unchanged" ? undefined : found;
  }

  /**
   * A manifest, hashed and checked; `undefined` if there is none, `"unchanged"` if it is still the one of the digest `unless`.
   *
   * @throws {VerificationError} if it is none, is too large, or has another digest than was asked for
   */
  async manifest(
    reference: string,
    options: { unless?: Digest | undefined } = {},
  ): Promise<Manifest | "unchanged" | undefined> {
    return await this.#get(reference, parseManifest, options.unless);
  }

  async #get<M extends { readonly digest: Digest }>(
    reference: string,
    read: (bytes: Uint8Array<ArrayBuffer>, options: ParseManifestOptions) => M,
    unless?: Digest,
  ): Promise<M | "unchanged" | undefined> {
    const headers: Record<string, string> = { accept: manifestTypes.join(", ") };
    if (unless !== undefined) headers["if-none-match"] = `"${unless}"`;
    const response = await this.host.request(this.repository, this.url(`manifests/${reference}`), {
      headers,
      accept: [304, 404],
      may: this.may,
      action: "get the manifest",
    });
    if (response.status === 404) {
      const text = new TextDecoder().decode(await readLimited(response, this.#full(reference)));
      if (!text.trimStart().startsWith("<")) return undefined;
      throw this.#noRegistry();
    }
    if (response.status === 304) {
      await response.body?.cancel();
      return "unchanged";
    }
    const bytes = await readLimited(response, this.#full(reference));
    const manifest = read(bytes, {
      name: this.#full(reference),
      mediaType: contentType(response),
      digest: isDigest(reference) ? reference : undefined,
    });
    const told = response.headers.get("docker-content-digest");
    if (told !== null && told !== manifest.digest) this.#digests = "wrong";
    else if (this.#digests !== "wrong") this.#digests = told === null ? "none" : "true";
    return manifest;
  }

  /**
   * Puts a manifest under its digest or under a tag. Where the registry does not say that it took note of a subject, the fallback tag of
   * the subject is kept up to date.
   */
  async putManifest(reference: string, manifest: Manifest): Promise<void> {
    try {
      await this.#putManifest(reference, manifest);
    } catch (error) {
      const { foreignRefusal } = await import("./foreign_refusal.ts");
      throw foreignRefusal(error, manifest);
    }
  }

  async #putManifest(reference: string, manifest: Manifest): Promise<void> {
    const { retry: { retries, baseMs, ceilingMs }, signal } = this.host;
    // The next try may well come upon another one of a long list.
    const budget = new RetryBudget({
      retries: 3 * retries,
      baseMs,
      ceilingMs: Math.min(ceilingMs, mostHalfMs),
    });
    let response: Response;
    for (;;) {
      response = await this.#sendManifest(reference, manifest);
      const text = await bodyStart(response, 4096);
      if (response.ok) break;
      const state = `the registry answered ${response.status} (${registryMessage(text)})`;
      const waitMs = readsHalf(manifest, response, text) ? budget.next({}) : undefined;
      if (waitMs === undefined) {
        throw new KedgeError(`Cannot put the manifest ${this.#full(reference)}: ${state}`, {
          data: { status: response.status },
        });
      }
      const { delay } = await import("@std/async");
      await delay(waitMs, signal === undefined ? {} : { signal });
    }
    if (manifest.subject !== undefined && response.headers.get("oci-subject") === null) {
      await this.referrers.add(manifest.subject.digest, manifest);
    }
    const kept = response.headers.get("docker-content-digest");
    if (kept !== null && kept.startsWith("sha256:") && kept !== manifest.digest) {
      throw new VerificationError(
        `Cannot put the manifest ${this.#full(reference)}: the registry kept ${kept}, not ` +
          manifest.digest,
      );
    }
  }

  async #sendManifest(reference: string, manifest: Manifest): Promise<Response> {
    return await this.host.request(this.repository, this.url(`manifests/${reference}`), {
      method: "PUT",
      headers: { "content-type": manifest.mediaType },
      body: manifest.bytes,
      may: "pull,push",
      accept: [400, 404, 413],
      acceptIf: lacksBlob,
      action: "put the manifest",
    });
  }

  /** Takes a manifest or a tag away; gives `false` if there was none. */
  async deleteManifest(reference: string): Promise<boolean> {
    return await this.delete(`manifests/${reference}`, "delete the manifest");
  }

  /**
   * The tags of the repository, page by page; none if there is no such repository, unless it must be there.
   *
   * @throws {VerificationError} if one of them is not a tag
   * @throws {KedgeError} if there is no such repository, and it must be there
   */
  async *tags(options: { mustBeThere?: boolean } = {}): AsyncIterableIterator<string> {
    let count = 0;
    const pages = listPages(this.host, this.repository, this.url("tags/list"), {
      accept: [404],
      may: this.may,
      action: "list the tags",
    });
    for await (const page of pages) {
      const bytes = await readLimited(page, this.#full("tags/list"));
      if (page.status === 404 && options.mustBeThere) throw this.#noRepository();
      if (page.status === 404) return;
      let tags: unknown;
      try {
        tags = (JSON.parse(new TextDecoder().decode(bytes)) as { tags?: unknown }).tags;
      } catch {
        throw this.#noRegistry();
      }
      for (const tag of Array.isArray(tags) ? tags : []) {
        if (++count > mostTags) throw this.#tooMany(`${mostTags} tags`);
        yield this.#checkedTag(tag);
      }
    }
  }

  #noRepository(): KedgeError {
    return new KedgeError(
      `Cannot list the tags of "${this.name}": the registry has no such repository`,
      {
        ...(this.host.side === undefined ? {} : { side: this.host.side }),
        data: { repository: this.repository, status: 404 },
      },
    );
  }

  #tooMany(what: string): VerificationError {
    return new VerificationError(`Cannot read "${this.name}": it has more than ${what}`);
  }

  /** A tag becomes a part of URLs, those of other registries too. */
  #checkedTag(tag: unknown): string {
    if (typeof tag === "string" && isTag(tag)) return tag;
    throw new VerificationError(
      `Cannot list the tags of "${this.name}": ${
        (JSON.stringify(tag) ?? "nothing").slice(0, 100)
      } is none`,
    );
  }

  #full(reference: string): string {
    return `${this.name}${isDigest(reference) ? "@" : ":"}${reference}`;
  }

  #noRegistry(): VerificationError {
    return new VerificationError(
      `Cannot speak to "${this.host.host}": it answered with a page that is not a registry's`,
      { hint: "is this the address of a registry?" },
    );
  }
}

/**
 * Whether a registry came upon a part of an index that another request was putting anew just then: docker-registry 2 with its files on a
 * disk writes them in place, and finds no digest in an empty one.
 */
function readsHalf({ kind }: Manifest, { status }: Response, text: string): boolean {
  return kind === "index" && status === 400 && registryMessage(text).startsWith("DIGEST_INVALID");
}

/** Whether a registry that tells of a fault, which may pass, means a blob that it lacks (docker-registry, of a foreign layer). */
function lacksBlob(status: number, text: string): boolean {
  return status === 500 && /\bMANIFEST_BLOB_UNKNOWN\b/.test(text);
}
