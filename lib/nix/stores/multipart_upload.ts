/**
 * A large file to S3 in parts.
 *
 * Invariants: each part is written down when the server has it, so that the next run sends only the others; an upload that the
 * server has forgotten begins anew once; the last part goes out only if all bytes of the file are what they must be.
 *
 * @module
 */
import { delay } from "@std/async";
import { Hasher } from "../../base/digest.ts";
import { KedgeError, NotAllowedError, VerificationError } from "../../base/errors.ts";
import type { ObjectMeter } from "../../base/meter.ts";
import { bodyStart } from "../../http/body_start.ts";
import type { HttpRequest } from "../../http/http_request.ts";
import { checkFileDigest } from "./check_file_digest.ts";
import type { ObjectFile } from "./object_store.ts";
import type { UploadSession, UploadSessions } from "./upload_sessions.ts";

/** What a {@linkcode MultipartUpload} is made of. */
export interface MultipartUploadOptions {
  /** The object's URL: its name among the sessions, and in messages. */
  url: string;
  /** The size of parts, in bytes. */
  partBytes: number;
  /** Remembers uploads. */
  sessions: UploadSessions;
  /** Sends a request about the object with this query. */
  send: (query: string, request: HttpRequest) => Promise<Response>;
  /** Told of every byte. */
  meter: ObjectMeter;
  /** Ends the upload. */
  signal?: AbortSignal | undefined;
}

const partsAtOnce = 4;
const completeTries = 3;
const keptAnswerBytes = 64 * 1024;

/** One object on its way to S3 in parts. */
export class MultipartUpload {
  readonly #options: MultipartUploadOptions;

  /** Sends nothing yet. */
  constructor(options: MultipartUploadOptions) {
    this.#options = options;
  }

  /** Sends a file, going on with what an earlier run sent. */
  async send(file: ObjectFile): Promise<void> {
    const { url, partBytes, sessions, meter } = this.#options;
    const standing = await sessions.get(url);
    if (standing?.partBytes === partBytes) {
      if (await this.#goOn(file, standing)) return;
      await sessions.delete(url);
      meter.restarted();
    }
    const begun = await this.#post("uploads=", new Uint8Array(), "begin");
    const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1];
    if (uploadId === undefined) {
      throw new VerificationError(`Cannot write "${url}": the server named no upload`);
    }
    const session = { uploadId, partBytes, parts: {} };
    await sessions.set(url, session);
    await this.#parts(file, session);
    await this.#complete(file, session);
  }

  /** Goes on with an upload of an earlier run; `false` if the server does not know it any more. */
  async #goOn(file: ObjectFile, session: UploadSession): Promise<boolean> {
    try {
      await this.#parts(file, session);
    } catch (error) {
      if (isForgotten(error)) return false;
      throw error;
    }
    try {
      await this.#complete(file, session);
      return true;
    } catch (error) {
      if (!(error instanceof KedgeError) || error instanceof NotAllowedError) throw error;
      return false;
    }
  }

  async #parts(file: ObjectFile, session: UploadSession): Promise<void> {
    const { url, sessions, meter } = this.#options;
    const { uploadId, partBytes, parts } = session;
    const count = Math.ceil(file.size / partBytes);
    const hasher = new Hasher();
    using input = await Deno.open(file.path, { read: true });
    const query = `uploadId=${encodeURIComponent(uploadId)}`;
    const sending = new Set<Promise<void>>();
    let saving: Promise<void> = Promise.resolve();
    let failure: { error: unknown } | undefined;
    for (let number = 1; number <= count && failure === undefined; number++) {
      const left = file.size - (number - 1) * partBytes;
      const bytes = await readPart(input, Math.min(partBytes, left));
      hasher.update(bytes);
      if (number === count) checkFileDigest(hasher, file);
      if (parts[number] !== undefined) {
        meter.reused(bytes.length);
        continue;
      }
      while (sending.size >= partsAtOnce) await Promise.race(sending);
      const send = async () => {
        const etag = await this.#part(`partNumber=${number}&${query}`, bytes);
        parts[number] = etag;
        // One write at a time, so that an older state never replaces a newer one.
        saving = saving.then(() => sessions.set(url, session));
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

  async #part(query: string, body: Uint8Array<ArrayBuffer>): Promise<string> {
    const action = "write a part of";
    const response = await this.#options.send(query, { method: "PUT", body, action });
    await response.body?.cancel();
    const etag = response.headers.get("etag");
    if (etag !== null) return etag;
    throw new VerificationError(`Cannot write "${this.#options.url}": the server named no ETag`);
  }

  /** Ends an upload; a failure may stand in an answer of 200. */
  async #complete(file: ObjectFile, session: UploadSession): Promise<void> {
    const { url, sessions, signal } = this.#options;
    const { uploadId, partBytes, parts } = session;
    const list = Array.from(
      { length: Math.ceil(file.size / partBytes) },
      (_, i) =>
        `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escape(parts[i + 1] ?? "")}</ETag></Part>`,
    );
    const body = new TextEncoder().encode(
      `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`,
    );
    for (let tried = 1;; tried++) {
      const query = `uploadId=${encodeURIComponent(uploadId)}`;
      const answer = await this.#post(query, body, "complete");
      const code = /<Error>[\s\S]*?<Code>([^<]+)<\/Code>/.exec(answer)?.[1];
      if (code === undefined) break;
      if (
        tried >= completeTries || !/^(InternalError|SlowDown|ServiceUnavailable)$/.test(code)
      ) {
        throw new KedgeError(`Cannot complete "${url}": S3 says ${code}`, {
          side: "destination",
          data: { code },
        });
      }
      await delay(500 * tried, signal === undefined ? {} : { signal });
    }
    await sessions.delete(url);
  }

  async #post(query: string, body: Uint8Array<ArrayBuffer>, action: string): Promise<string> {
    const response = await this.#options.send(query, { method: "POST", body, action });
    return await bodyStart(response, keptAnswerBytes);
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
