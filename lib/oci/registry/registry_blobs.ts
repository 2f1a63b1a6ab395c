/**
 * The requests of the distribution specification 1.1 about the blobs of one repository.
 *
 * Invariants: ranges are closed and single; an answer that is not the range asked for, or its beginning, is refused before its body is read.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { NotAllowedError } from "../../base/errors.ts";
import type { Requester } from "../../http/requester.ts";
import { parseContentRange } from "../../http/content_range.ts";
import { blobBody, type ExpectedBlob } from "./blob_body.ts";
import type { BlobHead } from "./blob_head.ts";
import type { Descriptor } from "../descriptor.ts";
import type { PushBlobOptions } from "./push_blob_options.ts";
import { rangeRefusal } from "./range_refusal.ts";
import type { RegistryAction, RegistryRequest } from "./registry_access.ts";
import type { RegistryHost } from "./registry_host.ts";
import { uploadLocation } from "./upload_location.ts";

/** What registries without mounts answer, instead of opening an upload. */
const mountRefusals = [400, 404, 405, 501];
/** What is answered where HEAD is not allowed, or not known. */
const headRefusals = [405, 501];
/** An answer to a range that is short, and has fewer bytes than this, is of no use: the requests for the rest cost more than the whole. */
const leastOfRange = 16 * 1024;

/** A part of a blob that comes. */
export interface BlobPart {
  /** Its bytes, not verified. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** How many bytes it is to have. */
  readonly size: number;
}

/** The blobs of one repository of a registry. */
export class RegistryBlobs {
  /** The connection. */
  readonly host: RegistryHost;
  /** The repository's name. */
  readonly repository: string;

  /** What it may be allowed to do, asked for at once. */
  readonly may: RegistryAction;

  /**
   * Connects to nothing yet. A client that is going to write asks for the right at once (`"pull,push"`), so that a lack of it
   * shows before anything is moved.
   */
  constructor(host: RegistryHost, repository: string, may: RegistryAction = "pull") {
    this.host = host;
    this.repository = repository;
    this.may = may;
  }

  /** The repository for people: `host/repository`. */
  get name(): string {
    return `${this.host.host}/${this.repository}`;
  }

  /** What is told of a blob; `undefined` if the repository has none of that digest. */
  async head(digest: Digest): Promise<BlobHead | undefined> {
    const action = "look for the blob";
    const path = `blobs/${digest}`;
    const head = await this.headOf(path, { action });
    if (head !== undefined) return head.status === 404 ? undefined : { size: sizeOf(head) };
    const response = await this.host.request(this.repository, this.url(path), {
      headers: { range: "bytes=0-0" },
      accept: [404, 416],
      may: this.may,
      action,
    });
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    if (response.status === 200) return { size: sizeOf(response) };
    return { size: parseContentRange(response.headers.get("content-range"))?.total };
  }

  /** What was told of a blob, which is asked once of all images of a repository, and anew once somebody brought it there. */
  async toldOf(digest: Digest): Promise<BlobHead | undefined> {
    const { told } = this.host;
    const key = this.#keyOf(digest);
    const standing = told.get(key) ?? this.head(digest);
    told.set(key, standing);
    return await standing;
  }

  #keyOf(digest: Digest): string {
    return `${this.repository}@${digest}`;
  }

  /** The answer to a HEAD, one of 404 too; `undefined` where the registry, or a proxy before it, answers to none. */
  protected async headOf(
    path: string,
    request: Pick<RegistryRequest, "headers" | "action">,
  ): Promise<Response | undefined> {
    if (!this.host.answersHead) return undefined;
    const response = await this.host.request(this.repository, this.url(path), {
      ...request,
      method: "HEAD",
      accept: [404, ...headRefusals],
      may: this.may,
    });
    await response.body?.cancel();
    if (!headRefusals.includes(response.status)) return response;
    this.host.answersHead = false;
    return undefined;
  }

  /** The bytes of a blob, not verified; its size is that which the registry tells, where it does. */
  async get(
    blob: ExpectedBlob,
    signal?: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const response = await this.host.request(this.repository, this.url(`blobs/${blob.digest}`), {
      accept: [404],
      may: this.may,
      action: "get the blob",
      ...(signal === undefined ? {} : { signal }),
    });
    return await blobBody(response, blob, { name: this.name, side: this.host.side });
  }

  /**
   * The bytes of a blob from `start` to `end`, both included, or the beginning of them: a server may give less than it is asked for (RFC 9110,
   * section 15.3.7).
   *
   * @throws {RangeRefusedError} if the registry answers with anything else, or with so little of it that the whole is better
   * @throws {VerificationError} if it cannot give the range since it has fewer bytes of the blob than there must be
   * @throws {KedgeError} if it does not have the blob
   */
  async getRange(
    { digest, size: wholeBytes }: Pick<Descriptor, "digest" | "size">,
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<BlobPart> {
    const response = await this.host.request(this.repository, this.url(`blobs/${digest}`), {
      headers: { range: `bytes=${start}-${end}` },
      accept: [404, 416, 501],
      may: this.may,
      action: "get a part of the blob",
      ...(signal === undefined ? {} : { signal }),
    });
    const given = response.status === 206
      ? parseContentRange(response.headers.get("content-range"))
      : undefined;
    if (given?.start === start && response.body !== null) {
      const [size, asked] = [given.end! - start, end + 1 - start];
      if (size === asked || size < asked && size >= leastOfRange) {
        return { body: response.body, size };
      }
    }
    await response.body?.cancel();
    const { name, host: { side } } = this;
    throw rangeRefusal(response, { digest, size: wholeBytes, start, end, name, side });
  }

  /** What a ranged download of a blob needs: what authorizes and sends its requests, and the URL. */
  download(digest: Digest): { client: Requester; url: URL } {
    return {
      client: this.host.authorized(this.repository, this.may),
      url: this.url(`blobs/${digest}`),
    };
  }

  /** Puts a blob, in as few requests as the registry allows. */
  async putBlob(
    descriptor: Descriptor,
    body: (start: number) => AsyncIterable<Uint8Array>,
    options: PushBlobOptions = {},
  ): Promise<void> {
    const { pushBlob } = await import("./push_blob.ts");
    await pushBlob(this.host, this.repository, descriptor, body, options);
    this.host.told.delete(this.#keyOf(descriptor.digest));
  }

  /** Requests that a mount costs which is planned now. */
  async planMount(from: string): Promise<number> {
    return 1 + await this.host.planTokens(this.repository, { may: "pull,push", from });
  }

  /**
   * Asks for a blob of another repository of the same registry. Gives `true` if it is now here; else the URL of the upload that the
   * registry opened instead, which must be used; `undefined` if it refuses: an account that writes here may read nothing there.
   */
  async mount(digest: Digest, from: string): Promise<true | URL | undefined> {
    const url = this.url("blobs/uploads/");
    url.searchParams.set("mount", digest);
    url.searchParams.set("from", from);
    let response: Response;
    try {
      response = await this.host.request(this.repository, url, {
        method: "POST",
        headers: { "content-length": "0" },
        may: "pull,push",
        accept: mountRefusals,
        from,
        action: "mount the blob",
      });
    } catch (error) {
      if (error instanceof NotAllowedError) return undefined;
      throw error;
    }
    await response.body?.cancel();
    this.host.told.delete(this.#keyOf(digest));
    if (mountRefusals.includes(response.status)) return undefined;
    return response.status === 201 ? true : uploadLocation(this.host, response, url);
  }

  /** Takes a blob away; gives `false` if there was none. */
  async deleteBlob(digest: Digest): Promise<boolean> {
    return await this.delete(`blobs/${digest}`, "delete the blob");
  }

  /** Takes away what is at a path of the repository; gives `false` if there was nothing. */
  protected async delete(path: string, action: string): Promise<boolean> {
    const response = await this.host.request(this.repository, this.url(path), {
      method: "DELETE",
      may: "delete",
      accept: [404],
      action,
    });
    await response.body?.cancel();
    return response.status !== 404;
  }

  /** The URL of a path of the repository. */
  url(path: string): URL {
    return new URL(`${this.repository}/${path}`, this.host.base);
  }
}

function sizeOf({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length === null ? undefined : Number(length);
}
