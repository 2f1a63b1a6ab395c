/**
 * A binary cache in a bucket of S3.
 *
 * Invariants: every request is signed anew when it is sent, over the hash of its body; a large file goes in parts, several at once, each
 * written down when the server has it, so that the next run sends only the others; an upload that the server has forgotten begins
 * anew once.
 *
 * @module
 */
import defer * as aws from "aws4fetch";
import { delay } from "@std/async";
import { digestHex, Hasher, sha256 } from "../base/digest.ts";
import { KedgeError, NotAllowedError, VerificationError } from "../base/errors.ts";
import type { ObjectMeter } from "../base/meter.ts";
import { checkDigest, HttpObjects, type HttpObjectsOptions } from "./http_objects.ts";
import type { ObjectFile, ObjectOptions } from "./object_store.ts";
import type { S3Credentials } from "./s3_credentials.ts";
import type { UploadSession, UploadSessions } from "./upload_sessions.ts";

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
const partsAtOnce = 4;
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

  override async put(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: ObjectOptions = {},
  ): Promise<void> {
    await this.#whole("PUT", key, bytes, "write", options);
  }

  override async putFile(
    key: string,
    file: ObjectFile,
    meter: ObjectMeter,
    options: ObjectOptions = {},
  ): Promise<void> {
    if (file.size <= this.#partBytes) {
      const bytes = await Deno.readFile(file.path);
      checkDigest(new Hasher().update(bytes), file);
      await this.put(key, bytes, options);
      meter.moved(bytes.length);
      return;
    }
    const standing = await this.#sessions.get(this.#urlOf(key));
    if (standing?.partBytes === this.#partSize(file.size)) {
      if (await this.#goOn(key, file, standing, meter, options)) return;
      await this.#sessions.delete(this.#urlOf(key));
      meter.restarted();
    }
    const begun = await this.#whole("POST", `${key}?uploads=`, new Uint8Array(), "begin", options);
    const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1];
    if (uploadId === undefined) {
      throw new VerificationError(`Cannot write "${this.url}/${key}": the server named no upload`);
    }
    const session = { uploadId, partBytes: this.#partSize(file.size), parts: {} };
    await this.#sessions.set(this.#urlOf(key), session);
    await this.#parts(key, file, session, meter, options);
    await this.#complete(key, file, session, options);
  }

  /** Goes on with an upload of an earlier run; `false` if the server does not know it any more. */
  async #goOn(
    key: string,
    file: ObjectFile,
    session: UploadSession,
    meter: ObjectMeter,
    options: ObjectOptions,
  ): Promise<boolean> {
    try {
      await this.#parts(key, file, session, meter, options);
    } catch (error) {
      if (isForgotten(error)) return false;
      throw error;
    }
    try {
      await this.#complete(key, file, session, options);
      return true;
    } catch (error) {
      if (!(error instanceof KedgeError) || error instanceof NotAllowedError) throw error;
      return false;
    }
  }

  async #parts(
    key: string,
    file: ObjectFile,
    session: UploadSession,
    meter: ObjectMeter,
    options: ObjectOptions,
  ): Promise<void> {
    const { uploadId, partBytes, parts } = session;
    const count = Math.ceil(file.size / partBytes);
    const hasher = new Hasher();
    using input = await Deno.open(file.path, { read: true });
    const query = `uploadId=${encodeURIComponent(uploadId)}`;
    const sending = new Set<Promise<void>>();
    let saving: Promise<void> = Promise.resolve();
    let failure: { error: unknown } | undefined;
    for (let number = 1; number <= count && failure === undefined; number++) {
      const bytes = await readPart(
        input,
        Math.min(partBytes, file.size - (number - 1) * partBytes),
      );
      hasher.update(bytes);
      // The last part goes out only if all that was read is what it must be.
      if (number === count) checkDigest(hasher, file);
      if (parts[number] !== undefined) {
        meter.reused(bytes.length);
        continue;
      }
      while (sending.size >= partsAtOnce) await Promise.race(sending);
      const send = async () => {
        const etag = await this.#part(`${key}?partNumber=${number}&${query}`, bytes, options);
        parts[number] = etag;
        // One write at a time, so that an older state never replaces a newer one.
        saving = saving.then(() => this.#sessions.set(this.#urlOf(key), session));
        await saving;
        meter.moved(bytes.length);
      };
      const sent: Promise<void> = send().catch((error) => {
        failure ??= { error };
      }).finally(() => sending.delete(sent));
      sending.add(sent);
    }
    await Promise.all(sending);
    if (failure !== undefined) throw failure.error;
  }

  async #part(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: ObjectOptions,
  ): Promise<string> {
    const response = await this.send(key, {
      method: "PUT",
      body: bytes,
      headers: { [hashHeader]: digestHex(sha256(bytes)) },
      action: "write a part of",
      ...options,
    });
    await response.body?.cancel();
    const etag = response.headers.get("etag");
    if (etag !== null) return etag;
    throw new VerificationError(`Cannot write "${this.url}/${key}": the server named no ETag`);
  }

  /** Ends an upload; a failure may stand in an answer of 200. */
  async #complete(
    key: string,
    file: ObjectFile,
    { uploadId, partBytes, parts }: UploadSession,
    options: ObjectOptions,
  ): Promise<void> {
    const list = Array.from(
      { length: Math.ceil(file.size / partBytes) },
      (_, i) =>
        `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escape(parts[i + 1] ?? "")}</ETag></Part>`,
    );
    const body = new TextEncoder().encode(
      `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`,
    );
    const target = `${key}?uploadId=${encodeURIComponent(uploadId)}`;
    for (let tried = 1;; tried++) {
      const answer = await this.#whole("POST", target, body, "complete", options);
      const code = /<Error>[\s\S]*?<Code>([^<]+)<\/Code>/.exec(answer)?.[1];
      if (code === undefined) break;
      if (tried >= 3 || !/^(InternalError|SlowDown|ServiceUnavailable)$/.test(code)) {
        throw new KedgeError(`Cannot complete "${this.url}/${key}": S3 says ${code}`, {
          side: "destination",
          data: { code },
        });
      }
      await delay(500 * tried, options);
    }
    await this.#sessions.delete(this.#urlOf(key));
  }

  async #whole(
    method: string,
    key: string,
    body: Uint8Array<ArrayBuffer>,
    action: string,
    options: ObjectOptions,
  ): Promise<string> {
    const headers = { [hashHeader]: digestHex(sha256(body)) };
    const response = await this.send(key, { method, body, headers, action, ...options });
    return await response.text();
  }

  #partSize(size: number): number {
    return Math.max(this.#partBytes, Math.ceil(size / mostParts));
  }

  #urlOf(key: string): string {
    return `${this.#base}/${key}`;
  }
}

async function readPart(input: Deno.FsFile, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  for (let offset = 0; offset < size;) {
    const count = await input.read(bytes.subarray(offset));
    if (count === null) return bytes.subarray(0, offset);
    offset += count;
  }
  return bytes;
}

/** Whether an error says that the server does not know the upload, or not all of its parts. */
function isForgotten(error: unknown): boolean {
  if (!(error instanceof KedgeError)) return false;
  const code = String(error.data["code"] ?? "");
  return error.data["status"] === 404 || /NoSuchUpload|InvalidPart/.test(code + error.message);
}

function escape(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
