import { UsageError } from "../base/errors.ts";
import { whyUnread } from "../base/files.ts";
import { basicAuthorization } from "./basic_authorization.ts";
import type { TlsOptions } from "./tls_options.ts";
import { findInNetrc } from "./netrc.ts";

/** A server that was named, and what its URI says of the way in. */
export interface NamedServer {
  /** Its URL, without login and parameters. */
  target: string;
  /** What it is, for people. */
  shown: string;
  /** The login that stands in the URI. */
  user?: { authorization: string; secrets: readonly string[] };
  /** The parameters: `token-env`, `token-file`, `netrc-file`, `tls-ca`, `tls-certificate`, `tls-private-key`. */
  query: Readonly<Record<string, string>>;
}

/** What lets a client in. */
export interface HttpCredentials {
  /** The Authorization header. */
  authorization?: string;
  /** For `https`. */
  tls?: TlsOptions;
  /** What must never print. */
  secrets: readonly string[];
}

/**
 * The credentials of a server: those in its URI, else the token that it names, else what a netrc file has for its host.
 *
 * @throws {UsageError} if a file or a variable that it names is not there
 */
export async function httpCredentials(uri: NamedServer): Promise<HttpCredentials> {
  const { query } = uri;
  const url = new URL(uri.target);
  const tls: TlsOptions = {};
  for (
    const [field, name] of [["ca", "tls-ca"], ["cert", "tls-certificate"], [
      "key",
      "tls-private-key",
    ]] as const
  ) {
    const path = query[name];
    if (path !== undefined) tls[field] = await readNamed(path, name);
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new UsageError(
      `Cannot use a client certificate for "${uri.shown}": one half of it is missing`,
      {
        hint: "name both tls-certificate and tls-private-key",
      },
    );
  }
  const found = uri.user ?? await token(uri) ?? await fromNetrc(uri, url.hostname);
  const secrets = [...found?.secrets ?? [], ...(tls.key === undefined ? [] : [tls.key])];
  return {
    ...(found === undefined ? {} : { authorization: found.authorization }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    secrets,
  };
}

async function token(
  { query }: NamedServer,
): Promise<{ authorization: string; secrets: readonly string[] } | undefined> {
  const name = query["token-env"];
  const value = name !== undefined
    ? Deno.env.get(name)
    : query["token-file"] === undefined
    ? undefined
    : (await readNamed(query["token-file"], "token-file")).trim();
  if (name !== undefined && !value) {
    throw new UsageError(`Cannot read the token of "${name}": the environment variable is not set`);
  }
  return value ? { authorization: `Bearer ${value}`, secrets: [value] } : undefined;
}

async function fromNetrc(
  { query }: NamedServer,
  host: string,
): Promise<{ authorization: string; secrets: readonly string[] } | undefined> {
  const named = query["netrc-file"];
  const home = Deno.env.get("HOME");
  const paths = named !== undefined
    ? [named]
    : [Deno.env.get("NETRC"), home && `${home}/.netrc`, "/etc/nix/netrc"].filter((path) => path);
  for (const path of paths as string[]) {
    const text = named === undefined
      ? await readIfThere(path)
      : await readNamed(path, "netrc-file");
    const login = text === undefined ? undefined : findInNetrc(text, host);
    if (login !== undefined) return basicAuthorization(login.user, login.password);
  }
  return undefined;
}

async function readNamed(path: string, name: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read the file "${path}" of ${name}: ${whyUnread(cause)}`, {
      cause,
    });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      return undefined;
    }
    throw error;
  }
}
