import { UsageError } from "../../base/errors.ts";
import { bucketUrl } from "./bucket_url.ts";
import type { HttpCredentials } from "../../http/http_credentials.ts";
import type { S3Credentials } from "./s3_credentials.ts";
import { parseStoreUri, type StoreUri } from "./store_uri.ts";

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
    const { s3Credentials } = await import("./s3_credentials.ts");
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

async function credentialsOf(uri: StoreUri): Promise<HttpCredentials> {
  if (uri.kind !== "http") return { secrets: [] };
  const { httpCredentials } = await import("../../http/http_credentials.ts");
  return await httpCredentials(uri);
}
