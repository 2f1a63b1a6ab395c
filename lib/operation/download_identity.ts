import type { Digest } from "../base/digest.ts";
import { displayUrl } from "../http/display_url.ts";
import type { CachedDownloadOptions } from "./cached_download_options.ts";

/** By what a cached download is known: to people, to the lockfile, to refreshes, and to who left a part of it. */
export class DownloadIdentity {
  #options: CachedDownloadOptions;
  #key: string;
  #path: string;
  #digest: Digest | undefined;

  /** Of the entry with this key, and the path of its file. */
  constructor(options: CachedDownloadOptions, { key, path }: { key: string; path: string }) {
    this.#options = options;
    this.#key = key;
    this.#path = path;
    this.#digest = options.digest;
  }

  /** Looks for a pinned digest. */
  async read(): Promise<void> {
    const { digest, lockfile } = this.#options;
    this.#digest = digest ?? (await lockfile?.pinned(this.pinKey, ...this.names))?.digest;
  }

  /** The digest that the contents must have: the caller's, else the lockfile's. */
  get digest(): Digest | undefined {
    return this.#digest;
  }

  /** By what partial data is known: its digest where there is one, since that is the same from every mirror. */
  get source(): string {
    return this.#digest ?? this.#key;
  }

  /** What the lockfile calls it. */
  get pinKey(): string {
    return `${this.#options.kind} ${this.#key}`;
  }

  /** By what names a refresh or an update may name it. */
  get names(): readonly string[] {
    const { url, kind, names = [] } = this.#options;
    return [url, this.#key, kind, ...names, this.#path];
  }

  /** Whether its pin may move: then the origin is asked. */
  get moves(): boolean {
    const { digest, lockfile, offline } = this.#options;
    return digest === undefined && !offline &&
      (lockfile?.moves(this.pinKey, ...this.names) ?? false);
  }

  /** The URL, without its secrets. */
  get subject(): string {
    return displayUrl(this.#options.url);
  }
}
