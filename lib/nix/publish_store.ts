import type { AdaptiveLimit } from "./adaptive_limit.ts";
import type { BinaryCache } from "./binary_cache.ts";
import type { PublicKey, SigningKey } from "./signing_key.ts";

/** A store that a closure is published to. */
export interface PublishStore extends Disposable {
  /** The binary cache. */
  readonly cache: BinaryCache;
  /** How much is under way there at once. */
  readonly limit: AdaptiveLimit;
  /** The keys that sign there. */
  readonly keys: readonly SigningKey[];
  /** The keys whose signatures every narinfo there must have. */
  readonly publicKeys: readonly PublicKey[];
  /** How long what was written may take to be seen at the reading URL, in milliseconds. */
  readonly propagationMs: number;
}
