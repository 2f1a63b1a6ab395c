/** The two servers that the demo embeds: an origin that serves one file, and a binary cache that can die midway. */
import { sha256 } from "../../lib/base/digest.ts";

/** A server on loopback, ended when it is disposed of. */
export interface DemoServer extends AsyncDisposable {
  /** Its URL, without a slash at the end. */
  readonly url: string;
}

function serve(handler: (request: Request) => Response | Promise<Response>): DemoServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Serves one file under any name, with an ETag and with ranges. */
export function serveFile(contents: Uint8Array<ArrayBuffer>): DemoServer {
  const etag = `"${sha256(contents).slice(7, 23)}"`;
  return serve((request) => {
    const headers = { etag, "accept-ranges": "bytes" };
    if (request.headers.get("if-none-match") === etag) {
      return new Response(null, { status: 304, headers });
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
    if (range === null) return new Response(contents, { headers });
    const start = Number(range[1]);
    const end = Math.min(range[2] ? Number(range[2]) : Infinity, contents.length - 1);
    if (start > end) return new Response(null, { status: 416, headers });
    return new Response(contents.subarray(start, end + 1), {
      status: 206,
      headers: { ...headers, "content-range": `bytes ${start}-${end}/${contents.length}` },
    });
  });
}

/** A binary cache that takes so many uploads and then answers 500 to every one. */
export function serveDyingStore(uploads: number): DemoServer & { readonly files: string[] } {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const server = serve(async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "PUT") {
      const body = await request.bytes();
      if (files.size >= uploads) return new Response("the disk is gone", { status: 500 });
      files.set(pathname, body);
      return new Response(null, { status: 201 });
    }
    const found = files.get(pathname);
    if (found === undefined) return new Response(null, { status: 404 });
    const headers = { "content-length": String(found.length) };
    return new Response(request.method === "HEAD" ? null : found, { headers });
  });
  return {
    url: server.url,
    get files() {
      return [...files.keys()];
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
