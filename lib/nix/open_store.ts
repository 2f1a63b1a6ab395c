import { parseBytes } from "../base/bytes.ts";
import { UsageError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { AdaptiveLimit } from "./adaptive_limit.ts";
import { BinaryCache } from "./binary_cache.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import { CommandPusher } from "./command_pusher.ts";
import { ForeignWriter } from "./foreign_writer.ts";
import type { NixCommandOptions } from "./nix_command.ts";
import { NixObjects } from "./nix_objects.ts";
import { NixPusher } from "./nix_pusher.ts";
import { FileObjects } from "./file_objects.ts";
import { type HttpCredentials, httpCredentials } from "../http/http_credentials.ts";
import { HttpObjects } from "./http_objects.ts";
import { type S3Credentials, s3Credentials } from "./s3_credentials.ts";
import { S3Objects } from "./s3_objects.ts";
import type { UploadSessions } from "./upload_sessions.ts";
import type { PublishStore } from "./publish_store.ts";
import type { PublicKey, SigningKey } from "./signing_key.ts";
import { parseStoreUri, type StoreUri } from "./store_uri.ts";

/** What opening a store needs. */
export interface OpenStoreOptions {
  /** The keys that sign in it. */
  keys: readonly SigningKey[];
  /** Further keys whose signatures must be there. */
  publicKeys: readonly PublicKey[];
  /** How long what was written may take to be seen where readers look, in milliseconds. */
  propagationMs: number;
  /** How requests are tried again. */
  retry?: RetryPolicy | undefined;
  /** How long a connection may stand still, in milliseconds. */
  stallMs?: number | undefined;
  /** How Nix is run, for stores that only it can write to. */
  nix?: NixCommandOptions | undefined;
  /** Remembers uploads in parts. */
  sessions: UploadSessions;
  /** Told of each request. */
  meter: Meter;
  /** Ends every access. */
  signal: AbortSignal;
}

/** A store that was named, with what lets kedge in. */
export interface PreparedStore {
  /** The store. */
  uri: StoreUri;
  /** What lets kedge in. */
  credentials: HttpCredentials;
  /** What signs requests to S3. */
  s3?: S3Credentials;
  /** Where readers find it, if that is elsewhere. */
  read?: { uri: StoreUri; credentials: HttpCredentials };
}

/**
 * Reads what is needed to get into a store; asks no server.
 *
 * @throws {UsageError} if a file or variable that its URI names is not there
 */
export async function prepareStore(uri: StoreUri): Promise<PreparedStore> {
  const prepared: PreparedStore = { uri, credentials: await credentialsOf(uri) };
  if (uri.kind === "s3") {
    bucketUrl(uri);
    prepared.s3 = await s3Credentials(uri.query["profile"]);
    const { secretAccessKey, sessionToken } = prepared.s3;
    prepared.credentials = {
      secrets: [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])],
    };
  }
  if (uri.read === undefined) return prepared;
  const read = parseStoreUri(uri.read);
  if (read.kind !== "http" && read.kind !== "file") {
    throw new UsageError(`Cannot read from "${read.shown}": it is neither a folder nor HTTP`);
  }
  return { ...prepared, read: { uri: read, credentials: await credentialsOf(read) } };
}

/** Opens a binary cache for publishing; connects to nothing yet. */
export function openStore(prepared: PreparedStore, options: OpenStoreOptions): PublishStore {
  const { uri, credentials, read } = prepared;
  if (uri.kind === "nix" || uri.kind === "exec") return foreignStore(prepared, options);
  const limit = new AdaptiveLimit(uri.kind === "file" ? { start: 8, max: 8 } : {});
  const writer = objectsOf(uri, credentials, options, limit, prepared.s3);
  const reader = read === undefined
    ? writer
    : objectsOf(read.uri, read.credentials, options, limit);
  return {
    cache: new BinaryCache(writer, reader),
    limit,
    keys: options.keys,
    publicKeys: [...options.keys.map((key) => key.publicKey), ...options.publicKeys],
    propagationMs: options.propagationMs,
    [Symbol.dispose]: () => {
      for (const objects of new Set([writer, reader])) {
        if (objects instanceof HttpObjects) objects[Symbol.dispose]();
      }
    },
  };
}

/** A store that a program of somebody else writes to; its readers' side is looked at as that of any other. */
function foreignStore({ uri, read }: PreparedStore, options: OpenStoreOptions): PublishStore {
  const limit = new AdaptiveLimit();
  const writer = new ForeignWriter(uri.shown);
  const shared = {
    limit,
    keys: [],
    publicKeys: options.publicKeys,
    propagationMs: options.propagationMs,
  };
  const { env, program } = options.nix ?? {};
  if (uri.kind === "exec" && read !== undefined) {
    const reader = objectsOf(read.uri, read.credentials, options, limit);
    return {
      ...shared,
      cache: new BinaryCache(writer, reader),
      pusher: new CommandPusher({ command: uri.target, env }),
      [Symbol.dispose]: () => {
        if (reader instanceof HttpObjects) reader[Symbol.dispose]();
      },
    };
  }
  const { shown, target } = uri;
  const reader = new NixObjects({
    uri: target,
    shown,
    ...(env === undefined ? {} : { env }),
    ...(program === undefined ? {} : { program }),
  });
  return {
    ...shared,
    cache: new BinaryCache(writer, reader),
    pusher: new NixPusher({ ...options.nix, to: target, shown, stallMs: options.stallMs }),
    refresh: (closure, signal) => reader.refresh(closure, signal),
    [Symbol.dispose]: () => {},
  };
}

async function credentialsOf(uri: StoreUri): Promise<HttpCredentials> {
  return uri.kind === "http" ? await httpCredentials(uri) : { secrets: [] };
}

function objectsOf(
  uri: StoreUri,
  credentials: HttpCredentials,
  { meter, signal, retry, stallMs, sessions }: OpenStoreOptions,
  limit: AdaptiveLimit,
  s3?: S3Credentials,
): FileObjects | HttpObjects {
  if (uri.kind === "file") return new FileObjects(uri.target);
  const onCongestion = () => limit.congested();
  const { authorization, tls } = credentials;
  if (uri.kind === "s3" && s3 !== undefined) {
    const partSize = uri.query["part-size"];
    return new S3Objects({
      url: bucketUrl(uri),
      shown: uri.shown,
      credentials: s3,
      region: uri.query["region"] ?? "us-east-1",
      partBytes: partSize === undefined ? undefined : parseBytes(partSize),
      sessions,
      retry,
      stallMs,
      onCongestion,
      meter,
      signal,
    });
  }
  if (uri.kind === "http") {
    return new HttpObjects({
      url: uri.target,
      authorization,
      tls,
      retry,
      stallMs,
      onCongestion,
      meter,
      signal,
    });
  }
  throw new UsageError(`Cannot publish to "${uri.shown}": this kind of store is not known`);
}

/** The URL of a bucket, and of the folder in it. */
function bucketUrl(uri: StoreUri): string {
  const { hostname: bucket, pathname } = new URL(uri.target);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new UsageError(
      `Cannot publish to "${uri.shown}": ${JSON.stringify(bucket)} is no bucket's name`,
    );
  }
  const { query } = uri;
  const style = query["addressing-style"] ?? (query["endpoint"] === undefined ? "virtual" : "path");
  if (style !== "path" && style !== "virtual") {
    throw new UsageError(
      `Cannot publish to "${uri.shown}": the addressing style ${
        JSON.stringify(style)
      } is not known`,
      {
        hint: "it is path or virtual",
      },
    );
  }
  const named = query["endpoint"] ?? `s3.${query["region"] ?? "us-east-1"}.amazonaws.com`;
  const text = /^https?:\/\//.test(named) ? named : `${query["scheme"] ?? "https"}://${named}`;
  if (!URL.canParse(text)) {
    throw new UsageError(
      `Cannot publish to "${uri.shown}": the endpoint ${JSON.stringify(named)} is no host`,
    );
  }
  const { protocol, host } = new URL(text);
  const folder = pathname.replace(/\/+$/, "");
  return style === "path"
    ? `${protocol}//${host}/${bucket}${folder}`
    : `${protocol}//${bucket}.${host}${folder}`;
}
