import { delay } from "@std/async";
import { join } from "@std/path";
import { runProcess } from "../../lib/base/process_group.ts";
import { freePort, waitForPort } from "./free_port.ts";

/** How a registry is started. */
export interface StartRegistryOptions {
  /** A user and a password that it asks for. */
  htpasswd?: { user: string; password: string };
  /** A token server that it sends its clients to. */
  token?: { realm: string; service: string; issuer: string; certificate: string };
  /** The folder that holds its data; kept when the registry stops. @default {a temporary one} */
  folder?: string;
  /** The port. @default {a free one} */
  port?: number;
  /** Makes it a pull-through mirror of another registry. */
  mirrorOf?: string;
}

/** A docker-registry that runs until it is disposed of. */
export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** The folder that holds its data. */
  readonly folder: string;
  /** The lines of its access log so far: `METHOD path status`; they are waited for while more of them come. */
  accesses(): Promise<string[]>;
  /** Ends it at once: whoever asks it afterwards gets no answer. */
  stop(): Promise<void>;
}

/** Starts the docker-registry of the system on a free loopback port. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<RunningRegistry> {
  const work = await Deno.makeTempDir({ prefix: "kedge-registry-" });
  const folder = options.folder ?? join(work, "data");
  await Deno.mkdir(folder, { recursive: true });
  const port = options.port ?? await freePort();
  const host = `127.0.0.1:${port}`;
  const config: Record<string, unknown> = {
    version: 0.1,
    log: { level: "info", formatter: "json", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: folder },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: host, secret: "kedge" },
    ...(options.mirrorOf === undefined ? {} : { proxy: { remoteurl: options.mirrorOf } }),
  };
  if (options.htpasswd !== undefined) {
    const path = join(work, "htpasswd");
    const { user, password } = options.htpasswd;
    const made = await runProcess("htpasswd", { args: ["-Bbn", user, password] });
    await Deno.writeTextFile(path, made.stdout);
    config["auth"] = { htpasswd: { realm: "kedge", path } };
  }
  if (options.token !== undefined) {
    const { realm, service, issuer, certificate } = options.token;
    config["auth"] = { token: { realm, service, issuer, rootcertbundle: certificate } };
  }
  const file = join(work, "config.json");
  const log = join(work, "log");
  await Deno.writeTextFile(file, JSON.stringify(config));
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec docker-registry serve "$0" >"$1" 2>&1', file, log],
    stdin: "null",
  }).spawn();
  try {
    await waitForPort(port);
  } catch (error) {
    child.kill("SIGKILL");
    await child.status;
    throw new Error(`docker-registry did not start: ${await Deno.readTextFile(log)}`, {
      cause: error,
    });
  }
  let runs = true;
  const stop = async () => {
    if (runs) child.kill("SIGKILL");
    runs = false;
    await child.status;
  };
  return {
    host,
    url: `http://${host}`,
    folder,
    accesses: () => settled(log, host),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await Deno.remove(work, { recursive: true });
    },
  };
}

/** In how many rounds nothing more may come. */
const calmRounds = 5;

/**
 * What a log holds once nothing more comes: a registry writes of an answer after it was given, each of them by a thread of its own. How long
 * that takes where the machine is busy nobody knows; so it is asked something, and has written of that, several times over, in each of which
 * a thread that has still to write gets its turn.
 */
async function settled(log: string, host: string): Promise<string[]> {
  let lines: string[] = [];
  for (let calm = 0; calm < calmRounds; calm++) {
    const last = `${lastPath}?${crypto.randomUUID()}`;
    await (await fetch(`http://${host}${last}`)).body?.cancel();
    let text = "";
    while (!text.includes(last)) {
      await delay(20);
      text = await Deno.readTextFile(log);
    }
    const before = lines;
    lines = accessLines(text);
    if (lines.length > before.length) calm = 0;
  }
  return lines;
}

/** Asked before the access log is read. */
const lastPath = "/v2/kedge-log";

function accessLines(log: string): string[] {
  return [...log.matchAll(/"((?:GET|HEAD|POST|PUT|PATCH|DELETE) [^ ]+) HTTP\/1\.1" (\d{3})/g)]
    .map((match) => `${match[1]} ${match[2]}`)
    .filter((line) => !line.includes(lastPath));
}

/** The digests of the layers of an image. */
export async function layersOf(url: string, repository: string, tag: string): Promise<string[]> {
  const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, {
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  const { layers } = await answer.json();
  return layers.map(({ digest }: { digest: string }) => digest);
}

/** Has a registry lose a blob. */
export async function lose(url: string, repository: string, digest: string): Promise<void> {
  const answer = await fetch(`${url}/v2/${repository}/blobs/${digest}`, { method: "DELETE" });
  await answer.body?.cancel();
  if (answer.status !== 202) throw new Error(`the registry answered ${answer.status}`);
}
