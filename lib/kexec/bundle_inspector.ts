import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import type { Meter } from "../base/meter.ts";
import type { PrefixFollower } from "../http/prefix_follower.ts";
import { PrefixHasher } from "../http/prefix_hasher.ts";
import { checkBundle } from "./check_bundle.ts";
import type { CheckFound, CheckStart } from "./check_worker.ts";

/**
 * Checks and hashes a bundle while it comes, so that little is left to do once it is whole.
 *
 * Invariant: what the check in the worker does not find sound, or does not see (there is no worker, or the bundle came from
 * elsewhere), is checked here, whole; so it is refused for the same reasons wherever it is checked.
 */
export class BundleInspector implements PrefixFollower, Disposable {
  #start: CheckStart;
  #hasher: PrefixHasher<CheckFound>;

  /** What the bundle must be. */
  constructor(start: CheckStart) {
    this.#start = start;
    this.#hasher = new PrefixHasher(import.meta.resolve("./check_worker.ts"), start);
  }

  /** The bundle begins to come, in the file of this path. */
  begin(path: string): void {
    this.#hasher.begin(path);
  }

  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void {
    this.#hasher.grown(prefixBytes);
  }

  /** The digest of the bundle, which is whole now. */
  async digest(path: string, sizeBytes: number, signal?: AbortSignal): Promise<Digest> {
    return await this.#hasher.digest(path, sizeBytes, signal);
  }

  /**
   * Says whether the bundle, which is whole now, is what it must be.
   *
   * @throws {VerificationError} naming what is wrong
   */
  async finish(
    path: string,
    sizeBytes: number,
    { meter, signal }: { meter: Meter; signal: AbortSignal },
  ): Promise<void> {
    const { notes } = await this.#hasher.found(sizeBytes, signal) ?? {};
    for (const { message, level } of notes ?? []) meter.note(message, level);
    if (notes !== undefined) return;
    const { name, architecture } = this.#start;
    await checkBundle(path, { name, meter, signal, ...defined({ architecture }) });
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#hasher[Symbol.dispose]();
  }
}
