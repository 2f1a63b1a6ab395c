import type { Digest } from "../base/digest.ts";
import type { Tier, TierCall, TierRecord } from "./tier.ts";

/** A tier whose code is loaded when it is first asked. */
export class LazyTier implements Tier {
  /** What it is, for people. */
  readonly label: string;
  /** Whether it is believed which digest a validator of the origin stands for. */
  readonly isTrusted: boolean;
  #load: () => Promise<Tier>;
  #tier: Promise<Tier> | undefined;

  /** Loads nothing yet. */
  constructor(
    { label, isTrusted = false }: Pick<Tier, "label" | "isTrusted">,
    load: () => Promise<Tier>,
  ) {
    this.label = label;
    this.isTrusted = isTrusted;
    this.#load = load;
  }

  /** What it remembers of a key. */
  async find(key: string, call: TierCall): Promise<TierRecord | undefined> {
    return await (await this.#loaded()).find(key, call);
  }

  /** The contents of a digest. */
  async open(
    digest: Digest,
    call: TierCall,
  ): Promise<{ stream: ReadableStream<Uint8Array>; size?: number } | undefined> {
    return await (await this.#loaded()).open(digest, call);
  }

  /** Keeps contents, then what a key stands for. */
  async put(
    key: string,
    record: TierRecord,
    contents: { path: string },
    call: TierCall,
  ): Promise<void> {
    await (await this.#loaded()).put(key, record, contents, call);
  }

  #loaded(): Promise<Tier> {
    return this.#tier ??= this.#load();
  }
}
