/**
 * One image as a registry of its own, on loopback and for reading only: what an engine fetches, it fetches from here.
 *
 * Invariants: nothing is served but the manifest and the blobs of the image; every blob is hashed on its way, and one that is wrong ends
 * before its last byte; what went wrong on our side is kept, since the engine can only tell of a body that was cut.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Manifest } from "../manifest.ts";
import { transitRepository } from "./transit_name.ts";

/** What an {@linkcode ImageServer} serves. */
export interface ImageServerOptions {
  /** The manifest. */
  manifest: Manifest;
  /** The bytes of one of its blobs, verified. */
  read: (descriptor: Descriptor) => AsyncIterable<Uint8Array>;
  /** Told of bytes of a blob that went out. */
  onServed?: ((descriptor: Descriptor, bytes: number) => void) | undefined;
}

/** Serves one image. */
export class ImageServer implements AsyncDisposable {
  /** The name of the image there: `127.0.0.1:port/repository@sha256:...`. */
  readonly reference: string;
  /** Whether anything was asked of it. */
  isAsked = false;
  #options: ImageServerOptions;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #closing = new AbortController();
  #prefix: string;
  #blobs: ReadonlyMap<Digest, Descriptor>;
  #failure: { error: unknown } | undefined;

  /** Starts listening. */
  constructor(options: ImageServerOptions) {
    const { manifest } = options;
    this.#options = options;
    this.#blobs = new Map(manifest.blobs.map((blob) => [blob.digest, blob]));
    const repository = transitRepository();
    this.#prefix = `/v2/${repository}/`;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, signal: this.#closing.signal, onListen() {} },
      (request) => this.#answer(request),
    );
    this.reference = `127.0.0.1:${this.#server.addr.port}/${repository}@${manifest.digest}`;
  }

  /** Throws what went wrong with a blob that was asked for, if anything did. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Stops listening, and ends what is still asked for. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#server.finished;
  }

  #answer(request: Request): Response {
    this.isAsked = true;
    const { pathname } = new URL(request.url);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, { status: 405 });
    }
    if (pathname === "/v2/" || pathname === "/v2") return Response.json({});
    const path = pathname.startsWith(this.#prefix) ? pathname.slice(this.#prefix.length) : "";
    const { manifest } = this.#options;
    const bare = request.method === "HEAD";
    if (path === `manifests/${manifest.digest}`) {
      return this.#respond(
        { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength },
        bare ? null : manifest.bytes,
      );
    }
    const blob = this.#blobs.get(path.slice("blobs/".length) as Digest);
    if (blob === undefined || !path.startsWith("blobs/")) {
      return Response.json({ errors: [{ code: "NOT_FOUND" }] }, { status: 404 });
    }
    return this.#respond(
      { ...blob, mediaType: "application/octet-stream" },
      bare ? null : ReadableStream.from(this.#body(blob)),
    );
  }

  #respond(
    { mediaType, digest, size }: Pick<Descriptor, "mediaType" | "digest" | "size">,
    body: BodyInit | null,
  ): Response {
    return new Response(body, {
      headers: {
        "content-type": mediaType,
        "content-length": String(size),
        "docker-content-digest": digest,
        "docker-distribution-api-version": "registry/2.0",
      },
    });
  }

  async *#body(blob: Descriptor): AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
    try {
      for await (const piece of this.#options.read(blob)) {
        // A piece is reused by who reads it, and the server may still hold it.
        yield piece.slice();
        this.#options.onServed?.(blob, piece.byteLength);
      }
    } catch (error) {
      // The body ends before its length: the engine sees that it was cut.
      this.#failure ??= { error };
    }
  }
}
