import type { CachedBlob } from "../cache/cached_blob.ts";
import type { Cache } from "../cache/cache.ts";
import type { DownloadEntry } from "../cache/download_entry.ts";
import type { Control } from "../http/control_file.ts";
import { ifRangeOf, type Validators } from "../http/validators.ts";
import type { Step } from "./operation.ts";

/** What earlier runs left of a download when they were stopped. */
export class LeftDownload {
  #cache: Cache;
  #entry: DownloadEntry;
  #source: string;

  /** Of the entry that partial data of this source belongs to. */
  constructor(cache: Cache, entry: DownloadEntry, source: string) {
    this.#cache = cache;
    this.#entry = entry;
    this.#source = source;
  }

  /** The data that nobody is bringing now, if any of it can be relied on. */
  async partial(): Promise<Control | undefined> {
    const folder = await this.#cache.partials.find(this.#source);
    if (folder === undefined) return undefined;
    const { readControl } = await import("../http/control_file.ts");
    return await readControl(folder, this.#source);
  }

  /** What an earlier run had moved under its digest when it was killed before the pointer was written. */
  async pending(step: Step): Promise<{ blob: CachedBlob; validators: Validators } | undefined> {
    const folder = await this.#cache.partials.find(this.#source);
    if (folder === undefined) return undefined;
    const { readPending } = await import("../http/pending_file.ts");
    const pending = await readPending(folder);
    if (pending === undefined || ifRangeOf(pending.validators) === undefined) return undefined;
    if (!step.dryRun) await this.#cache.leases.take(pending.digest);
    const blob = await this.#entry.findSound(pending.digest, {
      keep: step.dryRun,
      signal: step.signal,
    });
    return blob === undefined ? undefined : { blob, validators: pending.validators };
  }
}
