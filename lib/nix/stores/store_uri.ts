/**
 * What a store is, by its URI.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { UsageError } from "../../base/errors.ts";
import { credentialParameters } from "../../http/credential_parameters.ts";
import { displayUrl } from "../../http/display_url.ts";
import { urlLogin } from "../../http/url_login.ts";

/** A store that was named. */
export interface StoreUri {
  /** How it is written to. */
  kind: "file" | "http" | "s3" | "nix" | "exec";
  /** What it is, for people; without secrets. */
  shown: string;
  /** The URI without what is meant for kedge: a folder for `file`, a command for `exec`. */
  target: string;
  /** The login that stands in the URI. */
  user?: { authorization: string; secrets: readonly string[] };
  /** Where readers find what was written, if that is elsewhere. */
  read?: string;
  /** Files with keys that sign there. */
  secretKeys: readonly string[];
  /** All other parameters. */
  query: Readonly<Record<string, string>>;
}

const known: Record<StoreUri["kind"], readonly string[]> = {
  file: [],
  http: credentialParameters,
  s3: ["endpoint", "region", "profile", "scheme", "addressing-style", "part-size"],
  nix: [],
  exec: [],
};
const knownEverywhere = ["read", "secret-key", "secret-keys", "compression", "compression-level"];

/**
 * Takes a store's URI apart.
 *
 * @throws {UsageError} if it is none, or has parameters that mean nothing
 */
export function parseStoreUri(text: string): StoreUri {
  if (text.startsWith("exec:")) return parseExec(text);
  const bad = (state: string, hint: string) =>
    new UsageError(`Cannot use the store "${displayUrl(text)}": ${state}`, { hint });
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kind = url?.protocol === "file:"
    ? "file"
    : url?.protocol === "http:" || url?.protocol === "https:"
    ? "http"
    : url?.protocol === "s3:"
    ? "s3"
    : "nix";
  if (url === undefined || kind === "nix") {
    const own = /^(?:daemon|local|auto)(?:\?|$)/.test(text);
    if (!own && !/^[a-z][a-z0-9+.-]*:/i.test(text)) {
      throw bad(
        "it is not a store",
        "a store is file:///DIR, http(s)://HOST/PATH, s3://BUCKET, or another URI of Nix",
      );
    }
    const shown = own ? text : displayUrl(text);
    return { kind: "nix", shown, target: text, secretKeys: [], query: {} };
  }
  const threeSlashes = "a folder is named file:///DIR, with three slashes";
  // The URL of a relative folder would be that of one in the root, which nobody wrote.
  if (kind === "file" && !/^\s*file:\//i.test(text)) {
    const written = text.replace(/[?#].*$/s, "");
    throw new UsageError(`Cannot use the store "${written}": its folder is relative`, {
      hint: threeSlashes,
    });
  }
  if (url.hash !== "") throw bad("it has a part behind #", "write a # of its own as %23");
  const query = Object.fromEntries(url.searchParams);
  const allowed = [...known[kind], ...knownEverywhere];
  const unknown = Object.keys(query).find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    throw bad(`its parameter "${unknown}" is not known`, `known are ${allowed.join(", ")}`);
  }
  const secretKeys = [
    ...url.searchParams.getAll("secret-key"),
    ...url.searchParams.getAll("secret-keys").flatMap((list) => list.split(",")),
  ].filter((path) => path !== "");
  const { read, "secret-key": _key, "secret-keys": _keys, ...rest } = query;
  const user = urlLogin(url);
  url.username = "";
  url.password = "";
  url.search = "";
  let target = url.href.replace(/\/+$/, "");
  if (kind === "file") {
    if (url.hostname !== "" && url.hostname !== "localhost") {
      throw bad("its folder has a host", threeSlashes);
    }
    target = fromFileUrl(url).replace(/(?<=.)\/+$/, "");
    if (target === "/") throw bad("it is the root folder", "name a folder for the cache");
  }
  return {
    kind,
    shown: kind === "file"
      ? `file://${target}`
      : displayUrl(target).replace(/\/+$/, "") + (kind === "s3" ? placeOf(rest) : ""),
    target,
    ...(user === undefined ? {} : { user }),
    ...(read === undefined ? {} : { read }),
    secretKeys,
    query: rest,
  };
}

/** `exec:COMMAND`, with `?read=URL` or `&read=URL` at its end. */
function parseExec(text: string): StoreUri {
  const match = /^exec:(.+?)[?&]read=(\S+)$/s.exec(text);
  if (match === null) {
    throw new UsageError(
      `Cannot publish with "${text.slice(0, 100)}": nothing says where to read`,
      {
        hint: "end it with ?read=URL, the binary cache that the command writes to",
      },
    );
  }
  const [, command = "", read = ""] = match;
  return {
    kind: "exec",
    shown: `exec:${command}`,
    target: command,
    read,
    secretKeys: [],
    query: {},
  };
}

/** The parameters of an S3 store that say where it is. */
function placeOf(query: Readonly<Record<string, string>>): string {
  const place = ["endpoint", "region", "scheme", "addressing-style"].flatMap((name) =>
    query[name] === undefined ? [] : [`${name}=${query[name]}`]
  );
  return place.length === 0 ? "" : `?${place.join("&")}`;
}
