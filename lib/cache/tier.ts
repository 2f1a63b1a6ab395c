import type { Digest } from "../base/digest.ts";
import type { Meter } from "../base/meter.ts";
import type { Validators } from "../http/validators.ts";

/** What a tier remembers of a URL; it counts for nothing unless the tier is trusted and the origin confirms the validators. */
export interface TierRecord {
  /** The digest of the contents. */
  digest: Digest;
  /** Their size in bytes. */
  size: number;
  /** The validators of this version at the origin. */
  validators: Validators;
}

/** What each call of a tier is given. */
export interface TierCall {
  /** Told of the requests. */
  meter: Meter;
  /** Ends the call. */
  signal: AbortSignal;
}

/**
 * A team's copy of the cache. It may be slow, down or lying: contents are asked of it by a digest that is pinned, or that the origin or its
 * release says, and are hashed.
 */
export interface Tier {
  /** What it is, for people. */
  readonly label: string;
  /**
   * Whether it is believed which digest a validator of the origin stands for: who writes to it then decides what is used without a pin.
   *
   * @default {false}
   */
  readonly isTrusted?: boolean;
  /** What it remembers of a key. */
  find(key: string, call: TierCall): Promise<TierRecord | undefined>;
  /** The contents of a digest. */
  open(
    digest: Digest,
    call: TierCall,
  ): Promise<{ stream: ReadableStream<Uint8Array>; size?: number } | undefined>;
  /** Keeps contents, then what a key stands for. */
  put(
    key: string,
    record: TierRecord,
    contents: { path: string },
    call: TierCall,
  ): Promise<void>;
}
