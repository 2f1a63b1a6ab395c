import type { Digest } from "../../base/digest.ts";
import { KedgeError } from "../../base/errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { recallUpload, type UploadState } from "../memory.ts";
import { chunkedFromBytes } from "./push_requests.ts";
import type { RegistryClient } from "./registry_client.ts";

/** An upload that is open, and how many bytes the registry has of it. */
export interface LeftUpload {
  /** Where its next request goes. */
  readonly location: URL;
  /** How many bytes the registry has. */
  readonly offset: number;
}

/** The uploads to a repository that an earlier run left in their middle; the registry is asked once for each. */
export class LeftUploads {
  #client: RegistryClient;
  #found = new Map<Digest, Promise<LeftUpload | undefined>>();

  /** Asks for nothing yet. */
  constructor(client: RegistryClient) {
    this.#client = client;
  }

  /** The upload of a blob, of which what the registry has is read and hashed again, and not sent; `undefined` where it begins anew. */
  async of(descriptor: Descriptor): Promise<LeftUpload | undefined> {
    const { chunks, resumes } = this.#client.host.habits;
    if (descriptor.size < chunkedFromBytes || !chunks || !resumes) return undefined;
    const known = this.#found.get(descriptor.digest);
    if (known !== undefined) return await known;
    const found = this.#find(descriptor);
    this.#found.set(descriptor.digest, found);
    return await found;
  }

  /** Gives it to who goes on with it: whatever comes of that, a second try must not take it for what it was. */
  async take(descriptor: Descriptor): Promise<LeftUpload | undefined> {
    const upload = await this.of(descriptor);
    this.#found.delete(descriptor.digest);
    // Another process that was told of it at the same time may have been quicker.
    return upload === undefined || await this.#recall(descriptor) === undefined
      ? undefined
      : upload;
  }

  async #find(descriptor: Descriptor): Promise<LeftUpload | undefined> {
    const { host, repository } = this.#client;
    const left = await this.#recall(descriptor);
    if (left === undefined) return undefined;
    const { askSession } = await import("./upload_session.ts");
    const asking = askSession(host, repository, new URL(left.location));
    // What cannot be had of an earlier run must not keep each later one from beginning anew.
    const state = await asking.catch((error) => {
      host.signal?.throwIfAborted();
      if (!(error instanceof KedgeError)) throw error;
      return undefined;
    });
    if (state === undefined) return undefined;
    const offset = host.habits.ownCount ? left.offset : state.offset ?? left.offset;
    return offset > 0 && offset <= descriptor.size
      ? { location: state.location, offset }
      : undefined;
  }

  /** What is remembered of an upload on which nobody works. */
  async #recall(descriptor: Descriptor): Promise<UploadState | undefined> {
    const { host, name } = this.#client;
    const left = recallUpload(host.memory, name, descriptor.digest);
    if (left === undefined) return undefined;
    const { isClaimed } = await import("./upload_claim.ts");
    return isClaimed(left) ? undefined : left;
  }
}
