import type { Digest } from "../base/digest.ts";
import type { Step } from "./operation.ts";

/** What somebody else than the server of a file says of its digest: asked once, and no failure where he cannot be asked. */
export class Published {
  #ask: ((step: Step) => Promise<Digest | undefined>) | undefined;
  #answer: Promise<Digest | undefined> | undefined;

  /** Asks nobody yet; without `ask` there is nobody. */
  constructor(ask: ((step: Step) => Promise<Digest | undefined>) | undefined) {
    this.#ask = ask;
  }

  /** How many requests the next question costs. */
  get requests(): number {
    return this.#ask === undefined || this.#answer !== undefined ? 0 : 1;
  }

  /** The digest, or `undefined` where nobody gives one. */
  digest(step: Step): Promise<Digest | undefined> {
    return this.#answer ??= this.#tryAsking(step);
  }

  async #tryAsking(step: Step): Promise<Digest | undefined> {
    try {
      return await this.#ask?.(step);
    } catch (error) {
      step.signal.throwIfAborted();
      step.meter.note(`nobody vouches for the contents: ${(error as Error).message}`);
      return undefined;
    }
  }
}
