/**
 * A binary cache in a bucket of S3.
 *
 * Invariants: every request is signed anew when it is sent, over the hash of its body; a large file goes in parts.
 *
 * @module
 */
import defer * as aws from "aws4fetch";
import { sha256 } from "../../base/digest.ts";
import { digestHex } from "../../base/digest_text.ts";
import type { ObjectMeter } from "../../base/meter.ts";
import { HttpObjects, type HttpObjectsOptions } from "./http_objects.ts";
import { MultipartUpload } from "./multipart_upload.ts";
import type { ObjectFile, ObjectOptions } from "./object_store.ts";
import type { S3Credentials } from "./s3_credentials.ts";
import type { UploadSessions } from "./upload_sessions.ts";

/** What {@linkcode S3Objects} are made of. */
export interface S3ObjectsOptions
  extends Omit<HttpObjectsOptions, "sign" | "missing" | "authorization"> {
  /** What signs. */
  credentials: S3Credentials;
  /** The region that signatures name. */
  region: string;
  /** The size of parts, in bytes. @default {8 MiB} */
  partBytes?: number | undefined;
  /** Remembers uploads. */
  sessions: UploadSessions;
}

const mostParts = 9000;
const hashHeader = "x-amz-content-sha256";
const emptyHash = digestHex(sha256(""));

/** The objects of an `s3://` binary cache. */
export class S3Objects extends HttpObjects {
  readonly #partBytes: number;
  readonly #sessions: UploadSessions;
  readonly #base: string;

  /** Connects to nothing yet. */
  constructor(options: S3ObjectsOptions) {
    super({
      ...options,
      // Who may not list a bucket is told 403 of what is not there.
      missing: [404, 410, 403],
      sign: async ({ url, method, headers }) => {
        if (!headers.has(hashHeader)) headers.set(hashHeader, emptyHash);
        const signer = new aws.AwsV4Signer({
          url,
          method,
          headers,
          ...options.credentials,
          service: "s3",
          region: options.region,
        });
        return new Headers((await signer.sign()).headers);
      },
    });
    this.#partBytes = options.partBytes ?? 8 * 1024 * 1024;
    this.#sessions = options.sessions;
    this.#base = options.url.replace(/\/+$/, "");
  }

  override requestsFor(size: number): number {
    return size <= this.#partBytes ? 1 : 2 + Math.ceil(size / this.#partSize(size));
  }

  protected override bodyHeaders(body: Uint8Array): Record<string, string> {
    return { [hashHeader]: digestHex(sha256(body)) };
  }

  override async putFile(
    key: string,
    file: ObjectFile,
    meter: ObjectMeter,
    options: ObjectOptions = {},
  ): Promise<void> {
    if (file.size <= this.#partBytes) return await this.putWhole(key, file, meter, options);
    const upload = new MultipartUpload({
      url: `${this.#base}/${key}`,
      partBytes: this.#partSize(file.size),
      sessions: this.#sessions,
      send: (query, request) => this.send(`${key}?${query}`, { ...request, ...options }),
      meter,
      signal: options.signal,
    });
    await upload.send(file);
  }

  #partSize(size: number): number {
    return Math.max(this.#partBytes, Math.ceil(size / mostParts));
  }
}
