/**
 * The requests of the distribution specification 1.1 about one repository.
 *
 * Invariants: what `Docker-Content-Digest` claims is believed only where no bytes are read; manifests are hashed and limited to 4 MiB;
 * ranges are closed and single; an answer that is not the range asked for is refused before its body is read.
 *
 * @module
 */
import { type Digest, isDigest } from "../base/digest.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import type { HttpClient } from "../http/client.ts";
import type { Descriptor } from "./descriptor.ts";
import { largestManifestBytes, type Manifest, parseManifest } from "./manifest.ts";
import { manifestTypes, MediaType } from "./media_type.ts";
import { pushBlob, type PushBlobOptions } from "./push_blob.ts";
import { RangeRefusedError } from "./range_refused_error.ts";
import { referrersTag, withReferrer } from "./referrers.ts";
import { type RegistryAction, type RegistryHost, registryMessage } from "./registry_host.ts";

/** What a registry says of a manifest without giving it. */
export interface ManifestHead {
  /** Its digest, as the registry claims. */
  readonly digest: Digest;
  /** Its type, as the registry claims. */
  readonly mediaType: string;
}

/** Speaks of one repository of a registry. */
export class RegistryClient {
  /** The connection. */
  readonly host: RegistryHost;
  /** The repository's name. */
  readonly repository: string;

  #may: RegistryAction;
  #tellsNoDigest = false;

  /**
   * Connects to nothing yet. A client that is going to write asks for the right at once (`"pull,push"`), so that a lack of it
   * shows before anything is moved.
   */
  constructor(host: RegistryHost, repository: string, may: RegistryAction = "pull") {
    this.host = host;
    this.repository = repository;
    this.#may = may;
  }

  /** The repository for people: `host/repository`. */
  get name(): string {
    return `${this.host.host}/${this.repository}`;
  }

  /** Asks whether the registry speaks this API and lets us in. */
  async ping(): Promise<void> {
    const response = await this.host.request(this.repository, this.host.base, {
      may: this.#may,
      action: "speak to the registry",
    });
    await response.body?.cancel();
  }

  /** The size of a blob in bytes; `undefined` if the repository has none of that digest. */
  async head(digest: Digest): Promise<number | undefined> {
    const response = await this.host.request(this.repository, this.#url(`blobs/${digest}`), {
      method: "HEAD",
      accept: [404],
      may: this.#may,
      action: "look for the blob",
    });
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    const length = response.headers.get("content-length");
    return length === null ? undefined : Number(length);
  }

  /** The bytes of a blob, not verified. */
  async get(
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const response = await this.host.request(this.repository, this.#url(`blobs/${digest}`), {
      may: this.#may,
      action: "get the blob",
      ...(signal === undefined ? {} : { signal }),
    });
    return response.body ?? new Blob([]).stream();
  }

  /**
   * The bytes of a blob from `start` to `end`, both included, not verified.
   *
   * @throws {RangeRefusedError} if the registry answers with anything but this range
   */
  async getRange(
    digest: Digest,
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const response = await this.host.request(this.repository, this.#url(`blobs/${digest}`), {
      headers: { range: `bytes=${start}-${end}` },
      accept: [416, 501],
      may: this.#may,
      action: "get a part of the blob",
      ...(signal === undefined ? {} : { signal }),
    });
    const range = response.headers.get("content-range");
    const given = /^bytes (\d+)-(\d+)\//.exec(range ?? "");
    const right = response.status === 206 && given !== null && Number(given[1]) === start &&
      Number(given[2]) === end;
    if (right && response.body !== null) return response.body;
    await response.body?.cancel();
    throw new RangeRefusedError(
      `Cannot get bytes ${start} to ${end} of ${digest} from "${this.name}": ` +
        `the registry answered ${response.status}${range === null ? "" : ` with ${range}`}`,
      { data: { status: response.status } },
    );
  }

  /** What a ranged download of a blob needs: a client that authorizes its requests, and the URL. */
  download(digest: Digest): { client: HttpClient; url: URL } {
    return {
      client: this.host.authorizedClient(this.repository, this.#may),
      url: this.#url(`blobs/${digest}`),
    };
  }

  /** Puts a blob, in as few requests as the registry allows. */
  async putBlob(
    descriptor: Descriptor,
    body: (start: number) => AsyncIterable<Uint8Array>,
    options: PushBlobOptions = {},
  ): Promise<void> {
    await pushBlob(this.host, this.repository, descriptor, body, options);
  }

  /**
   * Asks for a blob of another repository of the same registry. Gives `true` if it is now here; else the URL of the upload that the
   * registry opened instead, which must be used.
   */
  async mount(digest: Digest, from: string): Promise<true | URL> {
    const url = this.#url("blobs/uploads/");
    url.searchParams.set("mount", digest);
    url.searchParams.set("from", from);
    const response = await this.host.request(this.repository, url, {
      method: "POST",
      headers: { "content-length": "0" },
      may: "pull,push",
      from,
      action: "mount the blob",
    });
    await response.body?.cancel();
    return response.status === 201 ? true : this.host.location(response, url);
  }

  /** What the registry says of a manifest; `undefined` if there is none. */
  async headManifest(reference: string): Promise<ManifestHead | undefined> {
    if (this.#tellsNoDigest) return await this.#headOfManifest(reference);
    const response = await this.host.request(this.repository, this.#url(`manifests/${reference}`), {
      method: "HEAD",
      headers: { accept: manifestTypes.join(", ") },
      accept: [404],
      may: this.#may,
      action: "look for the manifest",
    });
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    const digest = response.headers.get("docker-content-digest") ?? "";
    if (!isDigest(digest)) return await this.#headOfManifest(reference);
    return { digest, mediaType: contentType(response) ?? "" };
  }

  /** For a registry that does not tell digests: those of what it sends. */
  async #headOfManifest(reference: string): Promise<ManifestHead | undefined> {
    const manifest = await this.manifest(reference);
    if (manifest === undefined || manifest === "unchanged") return undefined;
    return { digest: manifest.digest, mediaType: manifest.mediaType };
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
    const headers: Record<string, string> = { accept: manifestTypes.join(", ") };
    if (options.unless !== undefined) headers["if-none-match"] = `"${options.unless}"`;
    const response = await this.host.request(this.repository, this.#url(`manifests/${reference}`), {
      headers,
      accept: [304, 404],
      may: this.#may,
      action: "get the manifest",
    });
    if (response.status === 404) {
      const text = new TextDecoder().decode(await this.#limited(response, reference));
      if (!text.trimStart().startsWith("<")) return undefined;
      throw this.#noRegistry();
    }
    if (response.status === 304) {
      await response.body?.cancel();
      return "unchanged";
    }
    this.#tellsNoDigest = response.headers.get("docker-content-digest") === null;
    const bytes = await this.#limited(response, reference);
    return parseManifest(bytes, {
      name: this.#full(reference),
      mediaType: contentType(response),
      digest: isDigest(reference) ? reference : undefined,
    });
  }

  /**
   * The manifests that are attached to a manifest, by the referrers API, or by the fallback tag where the registry has no such API.
   */
  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    let url: URL | undefined = this.#url(`referrers/${digest}`);
    const seen = new Set<string>();
    while (url !== undefined && !seen.has(url.href)) {
      seen.add(url.href);
      const response: Response = await this.host.request(this.repository, url, {
        accept: [400, 404, 405],
        may: this.#may,
        action: "list the referrers",
      });
      const bytes = await this.#limited(response, `referrers/${digest}`);
      if (!response.ok || contentType(response) !== MediaType.ociIndex) {
        return await this.#taggedReferrers(digest);
      }
      const name = `${this.name}@${digest}`;
      const index = parseManifest(bytes, { name, mediaType: MediaType.ociIndex });
      found.push(...index.manifests);
      url = nextPage(response, url);
    }
    return found;
  }

  async #taggedReferrers(digest: Digest): Promise<readonly Descriptor[]> {
    const index = await this.manifest(referrersTag(digest));
    return index === undefined || index === "unchanged" ? [] : index.manifests;
  }

  /**
   * Puts a manifest under its digest or under a tag. Where the registry does not say that it took note of a subject, the fallback tag of
   * the subject is kept up to date.
   */
  async putManifest(reference: string, manifest: Manifest): Promise<void> {
    const response = await this.host.request(this.repository, this.#url(`manifests/${reference}`), {
      method: "PUT",
      headers: { "content-type": manifest.mediaType },
      body: manifest.bytes,
      may: "pull,push",
      accept: [400, 404, 413],
      action: "put the manifest",
    });
    const text = await response.text();
    if (!response.ok) {
      throw new KedgeError(
        `Cannot put the manifest ${
          this.#full(reference)
        }: the registry answered ${response.status}` +
          ` (${registryMessage(text)})`,
        { data: { status: response.status } },
      );
    }
    if (manifest.subject !== undefined && response.headers.get("oci-subject") === null) {
      await this.#tagReferrer(manifest.subject.digest, manifest);
    }
    const kept = response.headers.get("docker-content-digest");
    if (kept !== null && kept.startsWith("sha256:") && kept !== manifest.digest) {
      throw new VerificationError(
        `Cannot put the manifest ${this.#full(reference)}: the registry kept ${kept}, not ` +
          manifest.digest,
      );
    }
  }

  async #tagReferrer(subject: Digest, manifest: Manifest): Promise<void> {
    const standing = await this.#taggedReferrers(subject);
    const index = withReferrer(standing, manifest);
    if (index !== undefined) await this.putManifest(referrersTag(subject), index);
  }

  /** Takes a manifest or a tag away; gives `false` if there was none. */
  async deleteManifest(reference: string): Promise<boolean> {
    const response = await this.host.request(this.repository, this.#url(`manifests/${reference}`), {
      method: "DELETE",
      may: "delete",
      accept: [404],
      action: "delete the manifest",
    });
    await response.body?.cancel();
    return response.status !== 404;
  }

  /** The tags of the repository, page by page; none if there is no such repository. */
  async *tags(): AsyncIterableIterator<string> {
    let url: URL | undefined = this.#url("tags/list");
    const seen = new Set<string>();
    while (url !== undefined && !seen.has(url.href)) {
      seen.add(url.href);
      const response: Response = await this.host.request(this.repository, url, {
        accept: [404],
        may: this.#may,
        action: "list the tags",
      });
      const bytes = await this.#limited(response, "tags/list");
      if (response.status === 404) return;
      let tags: unknown;
      try {
        tags = (JSON.parse(new TextDecoder().decode(bytes)) as { tags?: unknown }).tags;
      } catch {
        throw this.#noRegistry();
      }
      if (Array.isArray(tags)) yield* tags.filter((tag) => typeof tag === "string");
      url = nextPage(response, url);
    }
  }

  async #limited(response: Response, reference: string): Promise<Uint8Array<ArrayBuffer>> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const piece of response.body ?? []) {
      pieces.push(piece);
      size += piece.byteLength;
      if (size > largestManifestBytes) {
        throw new VerificationError(
          `Cannot read the manifest of "${this.#full(reference)}": ` +
            `it has more than ${largestManifestBytes} bytes`,
        );
      }
    }
    return new Uint8Array(await new Blob(pieces).arrayBuffer());
  }

  #url(path: string): URL {
    return new URL(`${this.repository}/${path}`, this.host.base);
  }

  #full(reference: string): string {
    return `${this.name}${isDigest(reference) ? "@" : ":"}${reference}`;
  }

  #noRegistry(): VerificationError {
    return new VerificationError(
      `Cannot speak to "${this.host.host}": it answered with a page that is not of a registry`,
      { hint: "is this the address of a registry?" },
    );
  }
}

function contentType(response: Response): string | undefined {
  return response.headers.get("content-type")?.split(";")[0]?.trim();
}

/** The URL of a `Link` header's next page (RFC 8288), on the same host. */
function nextPage(response: Response, from: URL): URL | undefined {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(response.headers.get("link") ?? "");
  if (link === null || !URL.canParse(link[1]!, from)) return undefined;
  const next = new URL(link[1]!, from);
  return next.origin === from.origin ? next : undefined;
}
