import { sha256 } from "../../../lib/base/digest.ts";
import { drain, problem } from "./answers.ts";
import type { RegistryGround } from "./ground.ts";
import type { FakeUpload } from "./store.ts";

const mostOfShortChunk = 200_000;

/** The uploads of a registry. */
export class FakeUploads {
  #of: RegistryGround;

  /** Begins without any. */
  constructor(of: RegistryGround) {
    this.#of = of;
  }

  /** Opens an upload, goes on with one, or ends one. */
  async answer(
    request: Request,
    url: URL,
    repository: string,
    id: string,
  ): Promise<Response> {
    if (request.method === "POST") {
      await drain(request);
      return this.#open(url, repository);
    }
    const upload = this.#of.store.uploads.get(id);
    if (upload === undefined || upload.repository !== repository) {
      await drain(request);
      return problem(404, "BLOB_UPLOAD_UNKNOWN");
    }
    switch (request.method) {
      case "GET":
        if (this.#of.fails("loseAskedUpload")) {
          this.#of.store.uploads.delete(id);
          return problem(404, "BLOB_UPLOAD_UNKNOWN");
        }
        if (this.#of.fails("failAsked")) return problem(500, "UNKNOWN");
        if (this.#of.quirks.has("no-asking")) return problem(403, "DENIED");
        if (this.#of.quirks.has("no-resume")) return problem(404, "BLOB_UPLOAD_INVALID");
        return this.#state(204, repository, id, upload);
      case "DELETE":
        if (this.#of.quirks.has("no-cancel")) return problem(403, "DENIED");
        this.#of.store.uploads.delete(id);
        return new Response(null, { status: 204 });
      case "PATCH":
        return await this.#patch(request, repository, id, upload);
      case "PUT":
        return await this.#finish(request, url, repository, id, upload);
      default:
        return problem(405, "UNSUPPORTED");
    }
  }

  #open(url: URL, repository: string): Response {
    const mount = url.searchParams.get("mount");
    const from = url.searchParams.get("from");
    const known = from !== null && mount !== null &&
      this.#of.store.repositories.get(from)?.blobs.has(mount);
    if (mount !== null && this.#of.quirks.has("mount-refused")) return problem(405, "UNSUPPORTED");
    if (known && !this.#of.quirks.has("no-mount")) {
      this.#of.store.repository(repository).blobs.add(mount);
      return new Response(null, {
        status: 201,
        headers: { location: `/v2/${repository}/blobs/${mount}`, "docker-content-digest": mount },
      });
    }
    const id = crypto.randomUUID();
    const upload = { repository, pieces: [], size: 0 };
    this.#of.store.uploads.set(id, upload);
    return this.#state(202, repository, id, upload);
  }

  async #patch(
    request: Request,
    repository: string,
    id: string,
    upload: FakeUpload,
  ): Promise<Response> {
    if (this.#of.quirks.has("no-chunks")) {
      await drain(request);
      return problem(405, "UNSUPPORTED");
    }
    const range = /^(\d+)-(\d+)$/.exec(request.headers.get("content-range") ?? "");
    if (range !== null && Number(range[1]) !== upload.size) {
      await drain(request);
      return problem(416, "BLOB_UPLOAD_INVALID");
    }
    if (this.#of.fails("loseUpload")) {
      await drain(request);
      this.#of.store.uploads.delete(id);
      return problem(404, "BLOB_UPLOAD_UNKNOWN");
    }
    const before = upload.size;
    const isShort = this.#of.quirks.has("short-chunks") || this.#of.quirks.has("short-chunks-416");
    if (!await this.#take(request, upload, isShort ? mostOfShortChunk : Infinity)) {
      if (this.#of.quirks.has("fragile-sessions")) this.#of.store.uploads.delete(id);
      return problem(400, "BLOB_UPLOAD_INVALID");
    }
    if (this.#of.quirks.has("short-chunks-416") && upload.size - before === mostOfShortChunk) {
      return problem(416, "BLOB_UPLOAD_INVALID");
    }
    return this.#state(this.#of.quirks.has("stale-range") ? 201 : 202, repository, id, upload);
  }

  async #finish(
    request: Request,
    url: URL,
    repository: string,
    id: string,
    upload: FakeUpload,
  ): Promise<Response> {
    if (this.#of.fails("loseUpload")) {
      await drain(request);
      this.#of.store.uploads.delete(id);
      return problem(404, "BLOB_UPLOAD_UNKNOWN");
    }
    if (!await this.#take(request, upload)) return problem(400, "BLOB_UPLOAD_INVALID");
    this.#of.store.uploads.delete(id);
    const bytes = new Uint8Array(await new Blob(upload.pieces).arrayBuffer());
    if (sha256(bytes) !== url.searchParams.get("digest")) return problem(400, "DIGEST_INVALID");
    const digest = this.#of.store.putBlob(repository, bytes);
    return new Response(null, {
      status: 201,
      headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest },
    });
  }

  /** Takes a body; `false` if it was cut, what came before is kept, except by ECR, which takes chunks whole. */
  async #take(request: Request, upload: FakeUpload, most = Infinity): Promise<boolean> {
    const before = { count: upload.pieces.length, size: upload.size };
    try {
      for await (const piece of request.body ?? []) {
        const taken = piece.slice(0, Math.max(0, before.size + most - upload.size));
        upload.pieces.push(taken);
        upload.size += taken.byteLength;
        this.#of.receivedBytes += piece.byteLength;
      }
      return true;
    } catch {
      if (this.#of.quirks.has("stale-range")) {
        upload.pieces.length = before.count;
        upload.size = before.size;
      }
      return false;
    }
  }

  #state(status: number, repository: string, id: string, upload: FakeUpload): Response {
    const shown = this.#of.quirks.has("stale-range")
      ? upload.pieces.reduce((first, piece, index) => index === 0 ? piece.byteLength : first, 0)
      : upload.size;
    const headers = new Headers({
      location: `/v2/${repository}/blobs/uploads/${id}`,
      range: `0-${Math.max(0, shown - 1)}`,
      "docker-upload-uuid": id,
    });
    if (this.#of.options.minChunkBytes !== undefined) {
      headers.set("oci-chunk-min-length", String(this.#of.options.minChunkBytes));
    }
    return new Response(null, { status, headers });
  }
}
