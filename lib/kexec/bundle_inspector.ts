import { defined } from "../base/defined.ts";
import { FileFollower } from "../base/file_follower.ts";
import type { Meter } from "../base/meter.ts";
import type { PrefixFollower } from "../http/prefix_follower.ts";
import { checkBundle } from "./check_bundle.ts";
import type { CheckNotes, CheckStart } from "./check_worker.ts";

/**
 * Checks a bundle while it comes, so that little is left to do once it is whole.
 *
 * Invariant: what the check in the worker does not find sound, or does not see (there is no worker, or the bundle came from
 * elsewhere), is checked here, whole; so it is refused for the same reasons wherever it is checked.
 */
export class BundleInspector implements PrefixFollower, Disposable {
  #start: CheckStart;
  #follower: FileFollower<CheckNotes> | undefined;

  /** What the bundle must be. */
  constructor(start: CheckStart) {
    this.#start = start;
  }

  /** The bundle begins to come, in the file of this path. */
  begin(path: string): void {
    this[Symbol.dispose]();
    const module = import.meta.resolve("./check_worker.ts");
    this.#follower = new FileFollower(module, path, this.#start);
  }

  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void {
    this.#follower?.grown(prefixBytes);
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
    const notes = await this.#follower?.finish(sizeBytes, signal);
    for (const { message, level } of notes ?? []) meter.note(message, level);
    if (notes !== undefined) return;
    const { name, architecture } = this.#start;
    await checkBundle(path, { name, meter, signal, ...defined({ architecture }) });
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#follower?.[Symbol.dispose]();
    this.#follower = undefined;
  }
}
