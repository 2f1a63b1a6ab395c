import { sha256 } from "../../../lib/base/digest.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { drain, problem } from "./answers.ts";
import type { RegistryGround } from "./ground.ts";

/** The manifests of a registry, and what lists them. */
export class FakeManifests {
  #of: RegistryGround;

  /** Begins without any. */
  constructor(of: RegistryGround) {
    this.#of = of;
  }

  /** Takes, gives, shows or removes a manifest. */
  async answer(request: Request, repository: string, reference: string): Promise<Response> {
    if (request.method === "PUT") return await this.#put(request, repository, reference);
    await drain(request);
    const standing = this.#of.store.repositories.get(repository);
    const digest = standing?.tags.get(reference) ?? reference;
    const manifest = standing?.manifests.get(digest);
    if (manifest === undefined) return problem(404, "MANIFEST_UNKNOWN");
    if (request.method === "DELETE") {
      if (standing!.tags.has(reference)) standing!.tags.delete(reference);
      else standing!.manifests.delete(digest);
      return new Response(null, { status: 202 });
    }
    const headers = new Headers({
      "content-type": manifest.mediaType,
      "content-length": String(manifest.bytes.byteLength),
      etag: `"${digest}"`,
    });
    if (this.#of.quirks.has("lying-digest-header")) {
      headers.set("docker-content-digest", sha256("a lie"));
    } else if (!this.#of.quirks.has("no-digest-header")) {
      headers.set("docker-content-digest", digest);
    }
    if (request.headers.get("if-none-match") === `"${digest}"`) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(request.method === "HEAD" ? null : manifest.bytes, { headers });
  }

  async #put(request: Request, repository: string, reference: string): Promise<Response> {
    const bytes = new Uint8Array(await request.arrayBuffer());
    let json: Record<string, unknown>;
    try {
      json = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      return problem(400, "MANIFEST_INVALID");
    }
    if (json["manifests"] !== undefined && this.#of.fails("halfManifest")) {
      return problem(400, "DIGEST_INVALID");
    }
    if (this.#of.store.missing(repository, json).length > 0) {
      return problem(404, "MANIFEST_BLOB_UNKNOWN");
    }
    const digest = sha256(bytes);
    const byDigest = reference.startsWith("sha256:");
    if (byDigest && reference !== digest) return problem(400, "DIGEST_INVALID");
    const mediaType = request.headers.get("content-type") ?? MediaType.ociManifest;
    this.#of.store.putManifest(repository, { mediaType, bytes }, byDigest ? undefined : reference);
    const subject = (json["subject"] as { digest?: string } | undefined)?.digest;
    const headers = new Headers({
      location: `/v2/${repository}/manifests/${digest}`,
      "docker-content-digest": digest,
    });
    if (subject !== undefined && !this.#of.quirks.has("no-referrers")) {
      headers.set("oci-subject", subject);
    }
    return new Response(null, { status: 201, headers });
  }

  /** A page of tags. */
  tags(url: URL, repository: string): Response {
    const standing = this.#of.store.repositories.get(repository);
    if (standing === undefined) return problem(404, "NAME_UNKNOWN");
    const last = url.searchParams.get("last");
    const all = [...standing.tags.keys()].sort();
    const left = last === null ? all : all.filter((tag) => tag > last);
    const page = left.slice(0, this.#of.options.tagsPerPage ?? 100);
    const headers = new Headers();
    if (page.length < left.length) {
      headers.set("link", `</v2/${repository}/tags/list?last=${page.at(-1)}>; rel="next"`);
    }
    return Response.json({ name: repository, tags: page }, { headers });
  }

  /** What refers to a manifest. */
  referrers(url: URL, repository: string, digest: string): Response {
    if (this.#of.quirks.has("no-referrers")) return problem(404, "UNSUPPORTED");
    const wanted = url.searchParams.get("artifactType");
    const manifests = [...this.#of.store.repositories.get(repository)?.manifests ?? []].flatMap(
      ([own, { bytes, mediaType }]) => {
        const json = JSON.parse(new TextDecoder().decode(bytes));
        if (json.subject?.digest !== digest) return [];
        const artifactType = json.artifactType ?? json.config?.mediaType;
        if (wanted !== null && artifactType !== wanted) return [];
        const { annotations } = json;
        return [{ mediaType, digest: own, size: bytes.byteLength, artifactType, annotations }];
      },
    );
    const headers = new Headers({ "content-type": MediaType.ociIndex });
    if (wanted !== null) headers.set("oci-filters-applied", "artifactType");
    return Response.json({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }, {
      headers,
    });
  }
}
