import { drain, problem } from "./answers.ts";
import type { RegistryGround } from "./ground.ts";
import type { Quirk } from "./options.ts";

const mostOfShortRange = 300_000;

/** The blobs of a registry. */
export class FakeBlobs implements Disposable {
  #of: RegistryGround;
  #port: () => number;
  #stalled = new Set<() => void>();

  /** The port is asked for at each redirect. */
  constructor(of: RegistryGround, port: () => number) {
    this.#of = of;
    this.#port = port;
  }

  /** Lets go of what stalls. */
  [Symbol.dispose](): void {
    for (const release of this.#stalled) release();
  }

  /** Gives, shows or removes a blob. */
  async answer(request: Request, repository: string, digest: string): Promise<Response> {
    const bytes = this.#of.store.repositories.get(repository)?.blobs.has(digest)
      ? this.#of.store.blobs.get(digest)
      : undefined;
    if (bytes === undefined) return problem(404, "BLOB_UNKNOWN");
    if (await this.#isLost(request)) return problem(500, "UNKNOWN");
    if (request.method === "DELETE") {
      this.#of.store.repository(repository).blobs.delete(digest);
      return new Response(null, { status: 202 });
    }
    if (this.#of.quirks.has("redirect") && request.method === "GET") {
      await drain(request);
      return new Response(null, {
        status: 307,
        headers: {
          location:
            `http://localhost:${this.#port()}/signed/${digest}?signature=${crypto.randomUUID()}`,
        },
      });
    }
    return this.#content(request, bytes, digest);
  }

  /** Gives the blob of a signed URL. */
  async signed(request: Request, url: URL): Promise<Response> {
    await drain(request);
    if (this.#of.fails("expireUrl")) return problem(403, "EXPIRED");
    if (await this.#isLost(request)) return problem(500, "UNKNOWN");
    const digest = url.pathname.slice("/signed/".length);
    return this.#content(request, this.#of.store.blobs.get(digest)!, digest);
  }

  /** Whether a range is asked for beyond the last ones that are given. */
  async #isLost(request: Request): Promise<boolean> {
    const isRange = request.headers.has("range") && !this.#of.quirks.has("ignore-range");
    if (!isRange || this.#of.faults.lastRanges === undefined) return false;
    if (this.#of.fails("lastRanges")) return false;
    await this.#of.beforeLoss();
    return true;
  }

  #content(request: Request, whole: Uint8Array<ArrayBuffer>, digest: string): Response {
    const headers = new Headers({ "content-type": "application/octet-stream" });
    if (!this.#of.quirks.has("no-digest-header")) headers.set("docker-content-digest", digest);
    const range = this.#of.quirks.has("ignore-range") ? null : request.headers.get("range");
    let bytes = whole;
    let status = 200;
    if (range !== null && request.method === "GET") {
      const parsed = parseRange(range, whole.byteLength, this.#of.quirks);
      if (typeof parsed === "number") {
        return problem(parsed, "RANGE_INVALID", { "content-range": `bytes */${whole.byteLength}` });
      }
      bytes = whole.subarray(parsed.start, parsed.end + 1);
      status = 206;
      headers.set("content-range", `bytes ${parsed.start}-${parsed.end}/${whole.byteLength}`);
    }
    headers.set("content-length", String(bytes.byteLength));
    if (request.method === "HEAD" && this.#of.quirks.has("no-head-length")) {
      headers.delete("content-length");
      return new Response(new Blob([]).stream(), { status, headers });
    }
    if (request.method === "HEAD") return new Response(null, { status, headers });
    if (this.#of.fails("wrongBlob")) {
      bytes = bytes.slice();
      bytes[bytes.byteLength >> 1]! ^= 1;
    }
    const half = bytes.byteLength >> 1;
    if (this.#of.fails("cutBody")) {
      return new Response(broken(bytes.subarray(0, half)), { status, headers });
    }
    if (this.#of.fails("stall")) {
      return new Response(this.#hanging(bytes.subarray(0, half)), { status, headers });
    }
    this.#of.sentBytes += bytes.byteLength;
    return new Response(bytes, { status, headers });
  }

  #hanging(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes);
        this.#stalled.add(() => controller.error(new Error("stopped")));
      },
    });
  }
}

function parseRange(
  text: string,
  size: number,
  quirks: ReadonlySet<Quirk>,
): { start: number; end: number } | number {
  if (text.includes(",") && quirks.has("multi-range-501")) return 501;
  const match = /^bytes=(\d+)-(\d*)$/.exec(text);
  if (match === null) return 416;
  const start = Number(match[1]);
  const open = match[2] === "" || Number(match[2]) >= size;
  if (start >= size || (open && quirks.has("open-range-416"))) return 416;
  const end = open ? size - 1 : Number(match[2]);
  const most = quirks.has("tiny-range") ? 1 : quirks.has("short-range") ? mostOfShortRange : size;
  return { start, end: Math.min(end, start + most - 1) };
}

function broken(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  let given = false;
  return new ReadableStream({
    pull(controller) {
      if (given) controller.error(new Error("cut"));
      else controller.enqueue(bytes);
      given = true;
    },
  });
}
