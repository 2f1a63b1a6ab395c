/**
 * Where the credentials of a registry are kept: the environment, the files of docker and podman, and their helpers.
 *
 * Invariants: what is found first wins, in the order below; a file that is there and unreadable is an error, since going on without
 * rights would hide it; a value is known to the redactor before it is handed out.
 *
 * Order: `KEDGE_REGISTRY_HOST`, `_USERNAME`, `_PASSWORD`; `DOCKER_AUTH_CONFIG` (a whole config.json as text);
 * `REGISTRY_AUTH_FILE`; `DOCKER_CONFIG/config.json`; podman's `auth.json`; `~/.docker/config.json`. Within a file: `credHelpers`,
 * the most specific of `auths`, `credsStore`.
 *
 * @module
 */
import { decodeBase64 } from "@std/encoding";
import { join } from "@std/path";
import * as v from "valibot";
import { KedgeError, UsageError } from "../base/errors.ts";
import type { Redactor } from "../base/redactor.ts";

/** What a registry is shown. */
export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string }
  | { readonly kind: "registry"; readonly token: string };

/** Options of {@linkcode findCredentials}. */
export interface FindCredentialsOptions {
  /** Reads an environment variable. @default {Deno.env.get} */
  env?: (name: string) => string | undefined;
  /** Learns the values, so that they never print. */
  redactor?: Redactor | undefined;
  /** Ends a helper that hangs. */
  signal?: AbortSignal | undefined;
}

const entrySchema = v.object({
  auth: v.optional(v.string()),
  username: v.optional(v.string()),
  password: v.optional(v.string()),
  identitytoken: v.optional(v.string()),
  registrytoken: v.optional(v.string()),
});
const configSchema = v.object({
  auths: v.optional(v.record(v.string(), entrySchema), {}),
  credHelpers: v.optional(v.record(v.string(), v.string()), {}),
  credsStore: v.optional(v.string()),
});
const helperSchema = v.object({ Username: v.string(), Secret: v.string() });
const dockerHub = "https://index.docker.io/v1/";

/**
 * The credentials for a repository of a registry; `undefined` where there are none.
 *
 * @throws {UsageError} if a file cannot be read or is malformed
 */
export async function findCredentials(
  host: string,
  repository: string,
  options: FindCredentialsOptions = {},
): Promise<Credentials | undefined> {
  const found = await search(host, repository, options);
  if (found !== undefined) options.redactor?.add(secretOf(found));
  return found;
}

async function search(
  host: string,
  repository: string,
  options: FindCredentialsOptions,
): Promise<Credentials | undefined> {
  const env = options.env ?? Deno.env.get;
  const username = env("KEDGE_REGISTRY_USERNAME");
  const password = env("KEDGE_REGISTRY_PASSWORD");
  if (username && password && env("KEDGE_REGISTRY_HOST") === host) {
    return { kind: "basic", username, password };
  }
  const inline = env("DOCKER_AUTH_CONFIG");
  if (inline) {
    const found = await fromConfig(inline, "DOCKER_AUTH_CONFIG", host, repository, options);
    if (found !== undefined) return found;
  }
  for (const path of configFiles(env)) {
    const text = await readIfThere(path);
    if (text === undefined) continue;
    const found = await fromConfig(text, path, host, repository, options);
    if (found !== undefined) return found;
  }
  return undefined;
}

function configFiles(env: (name: string) => string | undefined): string[] {
  const files: string[] = [];
  const add = (folder: string | undefined, ...names: string[]) => {
    if (folder) files.push(join(folder, ...names));
  };
  const home = env("HOME") ?? env("USERPROFILE");
  add(env("REGISTRY_AUTH_FILE"));
  add(env("DOCKER_CONFIG"), "config.json");
  add(env("XDG_RUNTIME_DIR"), "containers", "auth.json");
  add(env("XDG_CONFIG_HOME") || (home && join(home, ".config")), "containers", "auth.json");
  if (!env("DOCKER_CONFIG")) add(home, ".docker", "config.json");
  return files;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new UsageError(`Cannot read the credentials in "${path}": ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function fromConfig(
  text: string,
  name: string,
  host: string,
  repository: string,
  options: FindCredentialsOptions,
): Promise<Credentials | undefined> {
  const config = parseConfig(text, name);
  const [helped] = keysIn(config.credHelpers, host, repository);
  if (helped !== undefined) return await askHelper(config.credHelpers[helped]!, helped, options);
  for (const key of keysIn(config.auths, host, repository)) {
    const found = fromEntry(config.auths[key]!, name, key);
    if (found !== undefined) return found;
  }
  if (config.credsStore === undefined) return undefined;
  return await askHelper(config.credsStore, host === "docker.io" ? dockerHub : host, options);
}

function parseConfig(text: string, name: string): v.InferOutput<typeof configSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text.trim() === "" ? "{}" : text);
  } catch {
    throw new UsageError(`Cannot read the credentials in "${name}": it is no JSON`);
  }
  const result = v.safeParse(configSchema, json);
  if (result.success) return result.output;
  throw new UsageError(
    `Cannot read the credentials in "${name}": "${
      v.getDotPath(result.issues[0]) ?? ""
    }" is malformed`,
  );
}

/** The keys of a table that stand for a repository, the most specific first; of a URL only the host counts, as for docker. */
function keysIn(
  table: Readonly<Record<string, unknown>>,
  host: string,
  repository: string,
): string[] {
  const parts = repository.split("/");
  const names = parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join("/"));
  const hosts = [host];
  if (host === "docker.io") hosts.push("index.docker.io", "registry-1.docker.io");
  const urls = Object.keys(table).filter((key) =>
    hosts.includes(/^https?:\/\/([^/]*)/.exec(key)?.[1] ?? "")
  );
  return [...names, ...hosts, ...urls].filter((key) => Object.hasOwn(table, key));
}

function fromEntry(
  entry: v.InferOutput<typeof entrySchema>,
  name: string,
  key: string,
): Credentials | undefined {
  if (entry.identitytoken) return { kind: "identity", token: entry.identitytoken };
  if (entry.registrytoken) return { kind: "registry", token: entry.registrytoken };
  if (entry.auth) {
    let pair: string;
    try {
      pair = new TextDecoder().decode(decodeBase64(entry.auth)).replace(/\0+$/, "");
    } catch {
      pair = "";
    }
    const colon = pair.indexOf(":");
    if (colon > 0) {
      return {
        kind: "basic",
        username: pair.slice(0, colon),
        password: pair.slice(colon + 1),
      };
    }
    throw new UsageError(
      `Cannot read the credentials in "${name}": "auth" of "${key}" is no base64 of user:password`,
    );
  }
  if (entry.username && entry.password) {
    return { kind: "basic", username: entry.username, password: entry.password };
  }
  return undefined;
}

async function askHelper(
  helper: string,
  server: string,
  options: FindCredentialsOptions,
): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(helper)) {
    throw new UsageError(`Cannot ask the credential helper ${JSON.stringify(helper)}: bad name`);
  }
  const program = `docker-credential-${helper}`;
  const { runProcess } = await import("../base/process_group.ts");
  let answer;
  try {
    answer = await runProcess(program, {
      args: ["get"],
      stdin: new TextEncoder().encode(server),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new KedgeError(`Cannot ask "${program}" for "${server}": there is no such program`, {
      cause,
      hint: "install it, or take it out of credHelpers and credsStore",
    });
  }
  if (answer.code !== 0) {
    if (/credentials not found/i.test(answer.stdout + answer.stderr)) return undefined;
    throw new KedgeError(
      `Cannot ask "${program}" for "${server}": it ended with code ${answer.code}`,
    );
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), helperSchema), answer.stdout);
  if (!parsed.success) {
    throw new KedgeError(`Cannot ask "${program}" for "${server}": its answer is malformed`);
  }
  const { Username: username, Secret: secret } = parsed.output;
  return username === "<token>"
    ? { kind: "identity", token: secret }
    : { kind: "basic", username, password: secret };
}

function secretOf(credentials: Credentials): string {
  return credentials.kind === "basic" ? credentials.password : credentials.token;
}
