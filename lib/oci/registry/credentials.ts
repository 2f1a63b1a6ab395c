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
import { UsageError } from "../../base/errors.ts";
import { readPipedText } from "../../base/read_piped_text.ts";
import type { Redactor } from "../../base/redactor.ts";
import { askHelper, type AskHelperOptions, type HelperAnswer } from "./ask_helper.ts";
import { type DockerConfigEntry, parseDockerConfig } from "./docker_config.ts";
import type { FoundOnce } from "./found_once.ts";
import { withLowerHost } from "../reference_grammar.ts";

/** What a registry is shown. */
export type Credentials =
  & (
    | { readonly kind: "basic"; readonly username: string; readonly password: string }
    | { readonly kind: "identity"; readonly token: string }
    | { readonly kind: "registry"; readonly token: string }
  )
  & {
    /** The file, the variable or the helper that holds it, for people. */
    readonly place?: string;
  };

/** Options of {@linkcode findCredentials}. */
export interface FindCredentialsOptions extends Pick<AskHelperOptions, "onWait" | "patienceMs"> {
  /** Reads an environment variable. @default {Deno.env.get} */
  env?: (name: string) => string | undefined;
  /** Learns the values, so that they never print. */
  redactor?: Redactor | undefined;
  /** How long to wait for somebody who writes into a file that is a pipe. @default {10000} */
  writerWaitMs?: number | undefined;
  /** What helpers gave, by helper and server: each is asked once by those who share this. */
  given?: FoundOnce<Credentials | undefined> | undefined;
  /** What is good no longer: a helper that gave it is asked anew. */
  stale?: Credentials | undefined;
  /** Ends a helper that hangs, and a wait. */
  signal?: AbortSignal | undefined;
}

const dockerHub = "https://index.docker.io/v1/";

/**
 * The credentials for a repository of a registry; `undefined` where there are none.
 *
 * @throws {UsageError} if a file cannot be read or is malformed
 * @throws the errors of {@linkcode askHelper}
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
  const named = { [env("KEDGE_REGISTRY_HOST") ?? ""]: true };
  if (username && password && keysIn(named, host, repository).length > 0) {
    return { kind: "basic", username, password, place: "KEDGE_REGISTRY_PASSWORD" };
  }
  const inline = env("DOCKER_AUTH_CONFIG");
  if (inline) {
    const found = await fromConfig(inline, "DOCKER_AUTH_CONFIG", host, repository, options);
    if (found !== undefined) return found;
  }
  for (const path of configFiles(env)) {
    const text = await readIfThere(path, options);
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

async function readIfThere(
  path: string,
  { writerWaitMs, signal }: FindCredentialsOptions,
): Promise<string | undefined> {
  try {
    return await readPipedText(path, { writerWaitMs, signal });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    signal?.throwIfAborted();
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
  const config = parseDockerConfig(text, name);
  const [helped] = keysIn(config.credHelpers, host, repository);
  const helper = helped === undefined ? undefined : config.credHelpers[helped];
  if (helped !== undefined && helper) {
    return await askOnce(helper, helped, options);
  }
  for (const key of keysIn(config.auths, host, repository)) {
    const found = fromEntry(config.auths[key]!, name, key);
    if (found !== undefined) return found;
  }
  // A helper without a name takes a registry out of the store for all.
  if (!config.credsStore || helped !== undefined) return undefined;
  const server = host === "docker.io" ? dockerHub : host;
  return await askOnce(config.credsStore, server, options);
}

async function askOnce(
  helper: string,
  server: string,
  options: FindCredentialsOptions,
): Promise<Credentials | undefined> {
  const ask = async () => fromHelper(await askHelper(helper, server, options), helper);
  const { given, stale } = options;
  return await (given?.get(JSON.stringify([helper, server]), ask, stale) ?? ask());
}

function fromHelper(answer: HelperAnswer | undefined, helper: string): Credentials | undefined {
  if (answer === undefined) return undefined;
  const { username, secret } = answer;
  // Some helpers say of a server that they do not know that it wants nothing.
  if (username === "" && secret === "") return undefined;
  const place = `docker-credential-${helper}`;
  return username === "<token>"
    ? { kind: "identity", token: secret, place }
    : { kind: "basic", username, password: secret, place };
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
  const keys = Object.keys(table);
  const urls = keys.filter((key) =>
    hosts.includes(/^https?:\/\/([^/]*)/.exec(key)?.[1]?.toLowerCase() ?? "")
  );
  const named = [...names, ...hosts].flatMap((name) =>
    keys.filter((key) => withLowerHost(key) === name)
  );
  return [...named, ...urls];
}

function fromEntry(
  entry: DockerConfigEntry,
  name: string,
  key: string,
): Credentials | undefined {
  if (entry.identitytoken) return { kind: "identity", token: entry.identitytoken, place: name };
  if (entry.registrytoken) return { kind: "registry", token: entry.registrytoken, place: name };
  if (entry.auth) {
    let pair: string;
    try {
      const base64 = entry.auth.replaceAll(/\s/g, "");
      pair = new TextDecoder().decode(decodeBase64(base64)).replace(/\0+$/, "");
    } catch {
      pair = "";
    }
    if (pair === ":") return undefined;
    const colon = pair.indexOf(":");
    if (colon > 0) {
      return {
        kind: "basic",
        username: pair.slice(0, colon),
        password: pair.slice(colon + 1),
        place: name,
      };
    }
    throw new UsageError(
      `Cannot read the credentials in "${name}": "auth" of "${key}" is not base64 of user:password`,
    );
  }
  if (entry.username && entry.password) {
    return { kind: "basic", username: entry.username, password: entry.password, place: name };
  }
  return undefined;
}

function secretOf(credentials: Credentials): string {
  return credentials.kind === "basic" ? credentials.password : credentials.token;
}
