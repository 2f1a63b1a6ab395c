/**
 * An HTTP/1.1 server that misbehaves on request: late, short, wrong, closed, stalled, rate-limited, forgetful of ranges, with
 * signed redirects that wear out. It speaks to the socket itself, since no honest server can be made to cut a body short.
 *
 * Invariants: without faults it serves ranges, validators and conditions as RFC 9110 says; every request is in the log
 * with what was really sent; disposing of it ends all of its connections.
 *
 * @module
 */
import { HeadReader } from "./head_reader.ts";
import {
  fileReply,
  headOf,
  type OriginFile,
  type OriginRequest,
  plain,
  redirectTo,
  type Reply,
  takeFault,
  withFault,
} from "./origin_reply.ts";

export type { OriginFault, OriginFile, OriginRequest } from "./origin_reply.ts";

/** A server on a free port of loopback. */
export class Origin implements AsyncDisposable {
  /** The files by their path; change them at will. */
  readonly files: Map<string, OriginFile>;
  /** All requests, in their order. */
  readonly requests: OriginRequest[] = [];
  #listener: Deno.TcpListener;
  #connections = new Map<Deno.TcpConn, Promise<void>>();
  #done: Promise<void>;
  /** How many requests each signed URL is still good for. */
  #usesLeft: number[] = [];
  #stop = new AbortController();

  /** Listens at once. */
  constructor(files: Record<string, OriginFile>) {
    this.files = new Map(Object.entries(files));
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#done = this.#accept();
  }

  /** The URL of a path. */
  url(path: string): string {
    return `http://127.0.0.1:${this.#listener.addr.port}${path}`;
  }

  /** The bytes of bodies sent so far. */
  get sentBytes(): number {
    return this.requests.reduce((sum, request) => sum + request.sentBytes, 0);
  }

  /** Ends every connection and the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#listener.close();
    for (const connection of this.#connections.keys()) closeQuietly(connection);
    await this.#done;
    await Promise.all(this.#connections.values());
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        const served = this.#serve(connection).catch(() => undefined).finally(() => {
          closeQuietly(connection);
          this.#connections.delete(connection);
        });
        this.#connections.set(connection, served);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    connection.setNoDelay(true);
    const head = new HeadReader(connection);
    for (let text = await head.next(); text !== undefined; text = await head.next()) {
      const keep = await this.#answer(connection, text);
      if (!keep) return;
    }
  }

  async #answer(connection: Deno.TcpConn, head: string): Promise<boolean> {
    const [first, ...lines] = head.split("\r\n");
    const [method = "", path = ""] = first!.split(" ");
    const headers = new Headers(
      lines.filter((line) => line !== "").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
      }),
    );
    const request: OriginRequest = { method, path, headers, status: 0, sentBytes: 0 };
    this.requests.push(request);
    const file = this.files.get(path.split("?")[0]!);
    await this.#held(file?.before?.(request));
    const answer = this.#reply(request);
    const fault = answer.fault ?? {};
    if (fault.delayMs !== undefined) await this.#wait(fault.delayMs);
    if (fault.close) return false;
    request.status = answer.status;
    await writeAll(connection, new TextEncoder().encode(headOf(answer)));
    if (method === "HEAD") return true;
    const cut = Math.min(answer.body.byteLength, fault.cutAfter ?? fault.stallAfter ?? Infinity);
    const rate = () => answer.bytesPerSecond && file?.bytesPerSecond;
    await this.#sendBody(connection, request, answer.body.subarray(0, cut), rate);
    if (fault.goesOn !== undefined) {
      await this.#held(fault.goesOn);
      await this.#sendBody(connection, request, answer.body.subarray(cut), rate);
    } else if (fault.stallAfter !== undefined) await this.#wait(60_000);
    return fault.cutAfter === undefined && fault.stallAfter === undefined && !fault.withoutLength;
  }

  async #sendBody(
    connection: Deno.TcpConn,
    request: OriginRequest,
    body: Uint8Array,
    rate: () => number | undefined,
  ): Promise<void> {
    const started = performance.now();
    for (let offset = 0; offset < body.byteLength;) {
      const bytesPerSecond = rate();
      const pieceBytes = bytesPerSecond === undefined
        ? 256 * 1024
        : Math.max(1024, Math.ceil(bytesPerSecond / 50));
      const piece = body.subarray(offset, offset + pieceBytes);
      await writeAll(connection, piece);
      offset += piece.byteLength;
      request.sentBytes += piece.byteLength;
      if (bytesPerSecond !== undefined) {
        const dueMs = offset / bytesPerSecond * 1000;
        await this.#wait(Math.max(0, dueMs - (performance.now() - started)));
      }
    }
  }

  #reply(request: OriginRequest): Reply {
    const [path, query = ""] = request.path.split("?");
    const file = this.files.get(path!);
    if (file === undefined) return plain(404, "no such file\n");
    const fault = takeFault(file, request);
    const reply = this.#rightReply(request, path!, query, file);
    return fault === undefined ? reply : withFault(reply, fault);
  }

  #rightReply(request: OriginRequest, path: string, query: string, file: OriginFile): Reply {
    if (
      file.authorization !== undefined &&
      request.headers.get("authorization") !== file.authorization
    ) return plain(401, "who are you\n");
    if (file.redirect !== undefined) return redirectTo(file.redirect);
    const signed = /(?:^|&)number=(\d+)/.exec(query);
    if (file.signedUses !== undefined && signed === null) {
      const number = this.#usesLeft.push(file.signedUses) - 1;
      return redirectTo(`${path}?signature=a%2Fb%20c&number=${number}`);
    }
    if (signed !== null && this.#usesLeft[Number(signed[1])]!-- <= 0) {
      return plain(file.unsignedStatus ?? 403, "request has expired\n");
    }
    return fileReply(request, file);
  }

  async #held(until: Promise<void> | void): Promise<void> {
    if (until === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    await Promise.race([until, promise]);
  }

  async #wait(ms: number): Promise<void> {
    if (ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}

/** Starts an origin with these files, by path. */
export function startOrigin(files: Record<string, OriginFile>): Origin {
  return new Origin(files);
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) offset += await connection.write(bytes.subarray(offset));
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
