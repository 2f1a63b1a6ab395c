import type { BinaryCache } from "./binary_cache.ts";
import type { SourcePath } from "../source_path.ts";
import type { StorePusher } from "./store_pusher.ts";
import type { PublicKey, SigningKey } from "../signing_key.ts";
import type { Throttle } from "./throttle.ts";

/** A store that a closure is published to. */
export interface PublishStore extends Disposable {
  /** The binary cache. */
  readonly cache: BinaryCache;
  /** How much is under way there at once. */
  readonly limit: Throttle;
  /** The keys that sign there. */
  readonly keys: readonly SigningKey[];
  /** The keys whose signatures every narinfo there must have. */
  readonly publicKeys: readonly PublicKey[];
  /** Brings paths there, where kedge does not write itself. */
  readonly pusher?: StorePusher;
  /** Asks anew what of a closure is there, where that is asked all at once. */
  readonly refresh?: (closure: readonly SourcePath[], signal: AbortSignal) => Promise<void>;
  /** How long what was written may take to be seen at the reading URL, in milliseconds. */
  readonly propagationMs: number;
}
