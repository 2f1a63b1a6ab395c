/**
 * The team's tier as a source and a keeper of files.
 *
 * Invariants: no failure of the tier fails the operation; one that does not answer is not asked again; every byte from it is hashed against a digest that was pinned, or that
 * the origin or its release says; only a trusted one is believed which digest a validator stands for; what it is given came from the origin.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import { UnreachableError } from "../base/errors.ts";
import type { RateLimit } from "../base/rate_limit.ts";
import type { CachedBlob } from "../cache/cached_blob.ts";
import type { Cache } from "../cache/cache.ts";
import type { Tier, TierCall, TierRecord } from "../cache/tier.ts";
import type { Downloaded } from "../http/download_options.ts";
import { ifRangeOf } from "../http/validators.ts";
import type { Step } from "./operation.ts";

/** Contents that the tier opened. */
export interface OpenedInTier {
  /** What they must be. */
  record: TierRecord;
  /** Their bytes. */
  stream: ReadableStream<Uint8Array>;
  /** Lets go of the bytes, read or not. */
  cancel(): Promise<void>;
}

/** What one key means to the tier; without a tier it knows nothing. */
export class TierSource {
  #cache: Cache;
  #tier: Tier | undefined;
  #key: string;
  #rateLimit: RateLimit | undefined;
  #silent = false;

  /** Of the tier of a cache. Asks nothing yet; contents come no faster than `rateLimit`. */
  constructor(cache: Cache, key: string, rateLimit?: RateLimit) {
    this.#cache = cache;
    this.#tier = cache.tier;
    this.#key = key;
    this.#rateLimit = rateLimit;
  }

  /** What the tier is, for people. */
  get label(): string {
    return this.#tier?.label ?? "no tier";
  }

  /** Whether there is one that may be asked. */
  get isThere(): boolean {
    return this.#tier !== undefined && !this.#silent;
  }

  /** What a trusted tier remembers of the key, if the origin can be asked whether it is still so. */
  async believed(step: Step): Promise<TierRecord | undefined> {
    if (this.#tier?.isTrusted !== true) return undefined;
    const record = await this.#try(step, (tier) => tier.find(this.#key, step));
    return record === undefined || ifRangeOf(record.validators) === undefined ? undefined : record;
  }

  /** The contents of a pinned digest. */
  async openPinned(digest: Digest, step: Step): Promise<OpenedInTier | undefined> {
    return await this.open({ digest, size: -1, validators: {} }, step);
  }

  /**
   * The contents that a record names, of which the size is not known where it is negative. That there is no room for what the tier says
   * of it makes the tier of no use: the origin may know of fewer bytes.
   */
  async open(record: TierRecord, step: Step): Promise<OpenedInTier | undefined> {
    return await this.#try(step, async (tier) => {
      const opened = await tier.open(record.digest, step);
      if (opened === undefined) return undefined;
      const { stream, size = record.size } = opened;
      // A stream that broke off cannot be cancelled any more.
      const cancel = async () => {
        if (!stream.locked) await stream.cancel().catch(() => undefined);
      };
      try {
        if (size < 0 || (record.size >= 0 && size !== record.size)) {
          throw new Error(`it has ${record.digest} with another size`);
        }
        checkFreeBytes(this.#cache.dir, size);
      } catch (error) {
        await cancel();
        throw error;
      }
      return { record: { ...record, size }, stream, cancel };
    });
  }

  /** Brings opened contents into the cache; `undefined` where they could not be had, or were not what they must be. */
  async take(opened: OpenedInTier, step: Step): Promise<CachedBlob | undefined> {
    const { digest, size } = opened.record;
    await this.#cache.leases.take(digest);
    return await this.#try(step, async () => {
      using object = step.meter.object(digest, size);
      return await this.#cache.blobs.persist(
        this.#rateLimit?.stream(opened.stream) ?? opened.stream,
        {
          digest,
          size,
          onBytes: (bytes) => object.moved(bytes),
          signal: step.signal,
        },
      );
    });
  }

  /** Gives the tier what came from the origin. */
  async lend(
    file: Downloaded,
    path: string,
    call: TierCall,
    report: (message: string) => void,
  ): Promise<void> {
    const { digest, size, validators } = file;
    if (this.#silent) return;
    try {
      await this.#tier?.put(this.#key, { digest, size, validators }, { path }, call);
    } catch (error) {
      call.signal.throwIfAborted();
      report(`${this.label} did not take the file: ${(error as Error).message}`);
    }
  }

  async #try<T>(step: Step, ask: (tier: Tier) => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#tier === undefined || this.#silent) return undefined;
    try {
      return await ask(this.#tier);
    } catch (error) {
      step.signal.throwIfAborted();
      this.#silent = isSilence(error);
      step.meter.note(`${this.label} is of no use: ${(error as Error).message}`, "warning");
      return undefined;
    }
  }
}

function isSilence(error: unknown): boolean {
  return error instanceof UnreachableError || (error as Error).name === "TimeoutError";
}
