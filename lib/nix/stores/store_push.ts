import type { MoveClosureOptions, WrittenNarInfos } from "./move_options.ts";
import type { StorePlan } from "./plan_store.ts";
import type { StoreFailure } from "./store_failures.ts";
import type { StorePusher } from "./store_pusher.ts";

/** The moving into a store that a program of somebody else writes to. */
export class StorePush {
  readonly failures: StoreFailure[] = [];
  readonly #plan: StorePlan;
  readonly #pusher: StorePusher;
  readonly #options: MoveClosureOptions;

  constructor(plan: StorePlan, pusher: StorePusher, options: MoveClosureOptions) {
    this.#plan = plan;
    this.#pusher = pusher;
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { store, states } = this.#plan;
    const { meter, record, signal } = this.#options;
    const lacking = states.filter((state) => state.gap !== undefined);
    const unsigned = lacking.map((state) => state.source);
    const missing = lacking.filter((state) => state.gap !== "not signed by our key")
      .map((state) => state.source);
    try {
      if (missing.length > 0) await this.#pusher.push(missing, { meter, record, signal });
      if (unsigned.length > 0) await this.#pusher.sign?.(unsigned, { meter, record, signal });
    } catch (error) {
      if (!signal.aborted) this.failures.push({ store: store.cache.url, error });
    }
  }

  wants(): boolean {
    return false;
  }

  async send(): Promise<void> {}

  finish(): Promise<WrittenNarInfos> {
    return Promise.resolve(new Map());
  }
}
