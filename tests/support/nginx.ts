import { join } from "@std/path";
import { freePort, waitForPort } from "./free_port.ts";
import { findProgram } from "./real.ts";

/** Options of {@linkcode startNginx}. */
export interface StartNginxOptions {
  /** The folder that is served. */
  root: string;
  /** Directives inside `location / { ... }`: `dav_methods PUT;`, `limit_rate 40m;`, `auth_basic ...;`. */
  locationConfig?: string;
  /** Further `location` blocks. */
  locations?: string;
  /** Directives inside `server { ... }`. */
  serverConfig?: string;
  /** Directives inside `http { ... }`. */
  httpConfig?: string;
  /** A certificate and its key in PEM files: the server then speaks TLS. */
  tls?: { certificate: string; key: string };
}

/** One line of the access log. */
export interface NginxRequest {
  /** The method. */
  method: string;
  /** The path with its query. */
  path: string;
  /** The status of the answer. */
  status: number;
  /** The bytes of the body that were sent. */
  sentBytes: number;
  /** The Range header, or `-`. */
  range: string;
}

/** A running nginx. */
export interface Nginx extends AsyncDisposable {
  /** Where it listens: `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Its port. */
  readonly port: number;
  /** The process id of its only process. */
  readonly pid: number;
  /** All requests that it has answered so far; not for one that speaks TLS. */
  requests(): Promise<NginxRequest[]>;
}

/** Asked before the access log is read. */
const logPath = "/kedge-log";

/** Starts a real nginx on a free port, in one process of its own; disposing of it ends it. */
export async function startNginx(options: StartNginxOptions): Promise<Nginx> {
  const program = findProgram("nginx");
  if (program === undefined) throw new Error("nginx is not installed");
  const prefix = await Deno.makeTempDir({ prefix: "kedge-nginx-" });
  const port = await freePort();
  await Deno.writeTextFile(join(prefix, "nginx.conf"), configuration(prefix, port, options));
  const child = new Deno.Command(program, {
    args: ["-p", prefix, "-c", join(prefix, "nginx.conf"), "-e", join(prefix, "error.log")],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await waitForPort(port);
  } catch (cause) {
    child.kill("SIGKILL");
    await child.status;
    const log = await Deno.readTextFile(join(prefix, "error.log")).catch(() => "");
    throw new Error(`nginx did not start: ${log}`, { cause });
  }
  return {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    pid: child.pid,
    async requests() {
      // Its one process answers this after it wrote down what it answered before.
      await (await fetch(`http://127.0.0.1:${port}${logPath}`)).body?.cancel();
      return await readLog(join(prefix, "access.log"));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(prefix, { recursive: true });
    },
  };
}

function configuration(prefix: string, port: number, options: StartNginxOptions): string {
  const tls = options.tls === undefined
    ? ""
    : `ssl_certificate ${options.tls.certificate}; ssl_certificate_key ${options.tls.key};`;
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${prefix}/${name};`).join("\n  ");
  return `daemon off;
master_process off;
pid ${prefix}/nginx.pid;
error_log ${prefix}/error.log warn;
events { worker_connections 512; }
http {
  ${folders}
  log_format kedge '$request_method $request_uri $status $body_bytes_sent $http_range';
  access_log ${prefix}/access.log kedge;
  default_type application/octet-stream;
  sendfile on;
  client_max_body_size 0;
  ${options.httpConfig ?? ""}
  server {
    listen 127.0.0.1:${port}${options.tls === undefined ? "" : " ssl"};
    root ${options.root};
    ${tls}
    ${options.serverConfig ?? ""}
    location / {
      ${options.locationConfig ?? ""}
    }
    ${options.locations ?? ""}
    location = ${logPath} { access_log off; return 204; }
  }
}
`;
}

async function readLog(path: string): Promise<NginxRequest[]> {
  const text = await Deno.readTextFile(path);
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [method = "", path = "", status = "", sent = "", range = "-"] = line.split(" ");
    return { method, path, status: Number(status), sentBytes: Number(sent), range };
  });
}
