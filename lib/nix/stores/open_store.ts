import { parseBytes } from "../../base/bytes.ts";
import { UsageError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { HttpCredentials } from "../../http/http_credentials.ts";
import { Pace } from "../../http/pace.ts";
import type { RetryPolicy } from "../../http/retry_policy.ts";
import { BinaryCache } from "./binary_cache.ts";
import { bucketUrl } from "./bucket_url.ts";
import type { NixCommandOptions } from "../program/nix_command.ts";
import type { ObjectReader, ObjectWriter } from "./object_store.ts";
import type { PreparedStore } from "./prepare_store.ts";
import type { PublishStore } from "./publish_store.ts";
import type { S3Credentials } from "./s3_credentials.ts";
import type { PublicKey, SigningKey } from "../signing_key.ts";
import type { StoreUri } from "./store_uri.ts";
import { Throttle } from "./throttle.ts";
import type { UploadSessions } from "./upload_sessions.ts";
import type { WorkFolder } from "../work_folder.ts";

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
  /** Makes a folder for what Nix remembers while it is asked. */
  makeMemory: () => Promise<WorkFolder>;
  /** Remembers uploads in parts. */
  sessions: UploadSessions;
  /** Told of each request. */
  meter: Meter;
  /** Ends every access. */
  signal: AbortSignal;
}

const startConcurrency = 16;
const mostConcurrency = 64;
const filesAtOnce = 8;

/** A binary cache that kedge reads and writes itself. */
type Objects = ObjectReader & ObjectWriter & Partial<Disposable>;

/** Opens a binary cache for publishing; connects to nothing yet. Only what that kind of store needs is loaded. */
export async function openStore(
  prepared: PreparedStore,
  options: OpenStoreOptions,
): Promise<PublishStore> {
  const { uri, credentials, read } = prepared;
  if (uri.kind === "nix" || uri.kind === "exec") return await foreignStore(prepared, options);
  const pace = uri.kind === "file"
    ? new Pace(filesAtOnce, filesAtOnce)
    : new Pace(startConcurrency, mostConcurrency);
  const writer = await objectsOf(uri, credentials, options, pace, prepared.s3);
  const reader = read === undefined
    ? writer
    : await objectsOf(read.uri, read.credentials, options, pace);
  return {
    cache: new BinaryCache(writer, reader),
    limit: new Throttle(pace),
    keys: options.keys,
    publicKeys: requiredKeys(options),
    propagationMs: options.propagationMs,
    [Symbol.dispose]: () => {
      for (const objects of new Set([writer, reader])) objects[Symbol.dispose]?.();
    },
  };
}

/** A store that a program of somebody else writes to; its readers' side is looked at as that of any other. */
async function foreignStore(
  { uri, read }: PreparedStore,
  options: OpenStoreOptions,
): Promise<PublishStore> {
  const { ForeignWriter } = await import("./foreign_writer.ts");
  const pace = new Pace(startConcurrency, mostConcurrency);
  const limit = new Throttle(pace);
  const writer = new ForeignWriter(uri.shown);
  const { propagationMs } = options;
  const { env, program } = options.nix ?? {};
  if (uri.kind === "exec" && read !== undefined) {
    if (options.keys.length > 0) {
      options.meter.note(
        `"${uri.shown}" gets no signature of the keys given here: its command writes the narinfos`,
        "warning",
      );
    }
    const { CommandPusher } = await import("./command_pusher.ts");
    const reader = await objectsOf(read.uri, read.credentials, options, pace);
    return {
      cache: new BinaryCache(writer, reader),
      limit,
      keys: [],
      publicKeys: options.publicKeys,
      propagationMs,
      pusher: new CommandPusher({ command: uri.target, env }),
      [Symbol.dispose]: () => reader[Symbol.dispose]?.(),
    };
  }
  const { NixObjects } = await import("./nix_objects.ts");
  const { NixPusher } = await import("./nix_pusher.ts");
  const { shown, target } = uri;
  const { makeMemory } = options;
  const reader = new NixObjects({
    uri: target,
    shown,
    makeMemory,
    ...(env === undefined ? {} : { env }),
    ...(program === undefined ? {} : { program }),
  });
  return {
    cache: new BinaryCache(writer, reader),
    limit,
    keys: options.keys,
    publicKeys: requiredKeys(options),
    propagationMs,
    pusher: new NixPusher({
      ...options.nix,
      to: target,
      shown,
      keys: options.keys,
      makeMemory,
      stallMs: options.stallMs,
    }),
    refresh: (closure, signal) => reader.refresh(closure, signal),
    [Symbol.dispose]: () => {},
  };
}

/** The keys whose signatures every path must have: those that sign, and the further ones. */
function requiredKeys({ keys, publicKeys }: OpenStoreOptions): PublicKey[] {
  return [...keys.map((key) => key.publicKey), ...publicKeys];
}

async function objectsOf(
  uri: StoreUri,
  { authorization, tls }: HttpCredentials,
  { meter, signal, retry, stallMs, sessions }: OpenStoreOptions,
  pace: Pace,
  s3?: S3Credentials,
): Promise<Objects> {
  if (uri.kind === "file") {
    const { FileObjects } = await import("./file_objects.ts");
    return new FileObjects(uri.target);
  }
  const shared = { retry, stallMs, onCongestion: () => pace.refused(), meter, signal };
  if (uri.kind === "s3" && s3 !== undefined) {
    const { S3Objects } = await import("./s3_objects.ts");
    const partSize = uri.query["part-size"];
    return new S3Objects({
      ...shared,
      url: bucketUrl(uri),
      shown: uri.shown,
      credentials: s3,
      region: uri.query["region"] ?? "us-east-1",
      partBytes: partSize === undefined ? undefined : parseBytes(partSize),
      sessions,
    });
  }
  if (uri.kind === "http") {
    const { HttpObjects } = await import("./http_objects.ts");
    return new HttpObjects({ ...shared, url: uri.target, authorization, tls });
  }
  throw new UsageError(`Cannot publish to "${uri.shown}": this kind of store is not known`);
}
