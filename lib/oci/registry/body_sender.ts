import { KedgeError } from "../../base/errors.ts";
import { HttpClient, type HttpClientOptions } from "../../http/client.ts";
import { isDirect } from "./connections.ts";
import type { Uploader, UploadRequest } from "../../http/upload.ts";

/** What costs less to hold than a stream costs to set up, in bytes. */
const wholeBytes = 1024 * 1024;

/**
 * Sends bodies with a Content-Length, each once: a small one at once, a large one as a stream. A body that was cut leaves its upload in
 * doubt, so that a second try is the business of who opened it.
 */
export class BodySender implements Disposable {
  #options: HttpClientOptions;
  #client: HttpClient;
  #uploader: Uploader | undefined;

  /** Connects to nothing yet; `fetch` of the options sends the small ones. */
  constructor(options: HttpClientOptions) {
    // Each upload has a signal of its own, that may let it arrive.
    const { signal: _signal, ...rest } = options;
    this.#options = { ...rest, retry: { retries: 0, baseMs: 0, ceilingMs: 0 } };
    this.#client = new HttpClient(this.#options);
  }

  /**
   * Sends a body and gives the answer.
   *
   * @throws {KedgeError} if the body is not of the size that was said
   */
  async send(url: string | URL, request: UploadRequest): Promise<Response> {
    // A chunk is a part of something large: what came of it before a failure is worth keeping.
    const whole = request.sizeBytes <= wholeBytes && request.method !== "PATCH";
    if (!whole) return await (await this.#stream()).send(url, request);
    const { sizeBytes, body, onSent, onRestart: _onRestart, ...rest } = request;
    const bytes = new Uint8Array(sizeBytes);
    let size = 0;
    for await (const piece of body()) {
      if (size + piece.byteLength <= sizeBytes) bytes.set(piece, size);
      size += piece.byteLength;
    }
    if (size !== sizeBytes) {
      throw new KedgeError(
        `Cannot ${request.action ?? "send"} a body of ${sizeBytes} bytes: it has ${size}`,
      );
    }
    const response = await this.#client.request(url, { method: "PUT", ...rest, body: bytes });
    onSent?.(size);
    return response;
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#uploader?.[Symbol.dispose]();
    this.#uploader = undefined;
  }

  async #stream(): Promise<Uploader> {
    const [{ Uploader }, { proxyOf }] = await Promise.all([
      import("../../http/upload.ts"),
      import("../../http/proxy_of.ts"),
    ]);
    const { fetch: _fetch, ...options } = this.#options;
    return this.#uploader ??= new Uploader({
      ...options,
      proxyOf: (url) => isDirect(url) ? undefined : proxyOf(url),
    });
  }
}
