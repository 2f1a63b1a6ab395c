import { makeCertificates } from "./binary_cache.ts";

/** A proxy that leads every connection to a server of its own, which claims to be the host that was asked for. */
export interface LyingProxy extends AsyncDisposable {
  /** The variables that lead a program to it and make its certificate good. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a proxy behind which a host serves one answer; its keys go into the folder. */
export async function startLyingProxy(
  dir: string,
  host: string,
  answer: (request: Request) => Response,
): Promise<LyingProxy> {
  const { ca, server } = await makeCertificates(dir, `DNS:${host}`);
  const serving = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    cert: await Deno.readTextFile(server.certificate),
    key: await Deno.readTextFile(server.key),
  }, answer);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tunnels = new Set<Promise<void>>();
  const accepting = (async () => {
    for await (const client of listener) {
      const tunnel = lead(client, serving.addr.port).finally(() => tunnels.delete(tunnel));
      tunnels.add(tunnel);
    }
  })();
  return {
    env: { HTTPS_PROXY: `http://127.0.0.1:${listener.addr.port}`, DENO_CERT: ca },
    async [Symbol.asyncDispose]() {
      listener.close();
      await Promise.all([accepting, ...tunnels]);
      await serving.shutdown();
    },
  };
}

/** A proxy in plain HTTP that leads every request to one server. */
export interface Relay extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
}

/** Starts such a proxy; `asked` gets each host that was to be reached. */
export function startRelay(
  serverUrl: string,
  options: { hostname?: string; asked?: string[] } = {},
): Relay {
  const { hostname = "127.0.0.1", asked } = options;
  const serving = Deno.serve({ hostname, port: 0, onListen() {} }, (request) => {
    const { host, pathname, search } = new URL(request.url);
    asked?.push(host);
    const { method, headers, body } = request;
    const passed = new Headers(headers);
    passed.delete("host");
    return fetch(`${serverUrl}${pathname}${search}`, { method, headers: passed, body });
  });
  const name = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    host: `${name}:${serving.addr.port}`,
    [Symbol.asyncDispose]: () => serving.shutdown(),
  };
}

async function lead(client: Deno.TcpConn, port: number): Promise<void> {
  let head = "";
  const buffer = new Uint8Array(4096);
  while (!head.includes("\r\n\r\n")) {
    const count = await client.read(buffer);
    if (count === null) return client.close();
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  const server = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(new TextEncoder().encode("HTTP/1.1 200 Connected\r\n\r\n"));
  // One side that ends ends the other; how is of no matter.
  await Promise.allSettled([
    client.readable.pipeTo(server.writable),
    server.readable.pipeTo(client.writable),
  ]);
}
