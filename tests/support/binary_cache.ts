import { delay } from "@std/async";
import { join } from "@std/path";
import { sha256 } from "../../lib/base/digest.ts";
import { type Nginx, startNginx } from "./nginx.ts";

/** A request that came to a {@linkcode FaultyCache}. */
export interface CacheRequest {
  /** The method. */
  method: string;
  /** The path without the slash before it. */
  key: string;
  /** The headers. */
  headers: Headers;
}

/** What a {@linkcode FaultyCache} does instead of what it should; `undefined` for nothing special. */
export type CacheFault = (
  request: CacheRequest,
  objects: Map<string, Uint8Array<ArrayBuffer>>,
  body: Request,
) => Response | "forget" | "cut" | "close" | undefined | Promise<Response | undefined>;

/** A binary cache in memory that misbehaves on request, and counts. */
export class FaultyCache implements AsyncDisposable {
  /** All that was put. */
  readonly objects = new Map<string, Uint8Array<ArrayBuffer>>();
  /** All requests that came. */
  readonly requests: CacheRequest[] = [];
  /** What goes wrong. */
  fault: CacheFault = () => undefined;
  /** Whether it names versions and writes only what its condition lets, as S3 does and nginx does not. */
  conditions = false;
  /** How long each answer takes, in milliseconds. */
  latencyMs = 0;
  /** Most requests that were under way at once. */
  mostAtOnce = 0;
  /** Requests that are under way now. */
  atOnce = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Listens at once, on a free port of loopback. */
  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#handle(request),
    );
  }

  /** Where it listens. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** How many requests of a method came, for keys that match. */
  count(method: string, pattern = /./): number {
    return this.requests.filter((each) => each.method === method && pattern.test(each.key)).length;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    try {
      if (this.latencyMs > 0) await delay(this.latencyMs);
      return await this.#answer(request);
    } finally {
      this.atOnce--;
    }
  }

  async #answer(request: Request): Promise<Response> {
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const came = { method: request.method, key, headers: request.headers };
    this.requests.push(came);
    const fault = await this.fault(came, this.objects, request);
    if (fault instanceof Response) {
      if (!request.bodyUsed) await request.body?.cancel();
      return fault;
    }
    if (request.method === "PUT") {
      const bytes = await request.bytes().catch(() => undefined);
      if (bytes === undefined) return new Response("cut", { status: 400 });
      const expected = this.conditions ? request.headers.get("if-match") : null;
      if (expected !== null && expected !== this.#tag(key)) {
        return new Response("changed", { status: this.objects.has(key) ? 412 : 404 });
      }
      if (fault === "cut") this.objects.set(key, bytes.slice(0, bytes.length >> 1));
      else if (fault !== "forget") this.objects.set(key, bytes);
      return new Response(null, { status: 201 });
    }
    const bytes = this.objects.get(key);
    if (bytes === undefined) return new Response("not here", { status: 404 });
    const headers = {
      "content-length": String(bytes.length),
      ...(this.conditions ? { etag: this.#tag(key)! } : {}),
    };
    if (request.method === "HEAD") return new Response(null, { headers });
    if (fault === "cut") return new Response(bytes.slice(0, bytes.length >> 1));
    return new Response(bytes, { headers });
  }

  /** The ETag of an object. */
  #tag(key: string): string | undefined {
    const bytes = this.objects.get(key);
    return bytes === undefined ? undefined : `"${sha256(bytes)}"`;
  }
}

/** A real nginx that takes PUT, as a binary cache. */
export interface DavCache extends AsyncDisposable {
  /** The folder with its objects. */
  readonly dir: string;
  /** The server. */
  readonly nginx: Nginx;
}

/** Options of {@linkcode startDavCache}. */
export interface StartDavCacheOptions {
  /** Asks for a login: `user` and `password`. */
  login?: { user: string; password: string };
  /** A certificate and its key in PEM files. */
  tls?: { certificate: string; key: string };
  /** Directives inside `server { ... }`. */
  serverConfig?: string;
}

/** Starts nginx with `dav_methods`. */
export async function startDavCache(options: StartDavCacheOptions = {}): Promise<DavCache> {
  const parent = await Deno.makeTempDir({ prefix: "kedge-dav-" });
  const dir = join(parent, "cache");
  await Deno.mkdir(dir);
  // The worker of a server that root starts is another user.
  await Deno.chmod(parent, 0o777);
  await Deno.chmod(dir, 0o777);
  let login = "";
  if (options.login !== undefined) {
    const { user, password } = options.login;
    const file = join(parent, "passwords");
    await Deno.writeTextFile(file, `${user}:{PLAIN}${password}\n`);
    login = `auth_basic "cache"; auth_basic_user_file ${file};`;
  }
  const nginx = await startNginx({
    root: dir,
    locationConfig:
      `dav_methods PUT DELETE; create_full_put_path on; dav_access user:rw group:rw all:rw; ${login}`,
    ...(options.serverConfig === undefined ? {} : { serverConfig: options.serverConfig }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  return {
    dir,
    nginx,
    async [Symbol.asyncDispose]() {
      await nginx[Symbol.asyncDispose]();
      await Deno.remove(parent, { recursive: true });
    },
  };
}

/** An authority, a certificate of `127.0.0.1`, or of other names, that it signed, and one of a client, as PEM files in a folder. */
export interface Certificates {
  /** The authority's certificate. */
  ca: string;
  /** The server's certificate and key. */
  server: { certificate: string; key: string };
  /** The client's certificate and key. */
  client: { certificate: string; key: string };
}

/** Makes certificates with openssl. */
export async function makeCertificates(
  dir: string,
  names = "IP:127.0.0.1",
): Promise<Certificates> {
  const openssl = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command("openssl", { args, cwd: dir }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=ca",
    "-days",
    "2",
  );
  for (const name of ["server", "client"]) {
    await Deno.writeTextFile(
      join(dir, "ext"),
      `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`,
    );
    await openssl(
      "req",
      "-new",
      ...newKey,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      `/CN=${name}`,
    );
    await openssl(
      ...[
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
      ],
      ...["-out", `${name}.pem`, "-days", "2", "-extfile", "ext"],
    );
  }
  const pair = (name: string) => ({
    certificate: join(dir, `${name}.pem`),
    key: join(dir, `${name}.key`),
  });
  return { ca: join(dir, "ca.pem"), server: pair("server"), client: pair("client") };
}
