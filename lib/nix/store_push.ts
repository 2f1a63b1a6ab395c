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
    const paths = states.filter((state) => state.gap !== undefined).map((state) => state.source);
    if (paths.length === 0) return;
    try {
      await this.#pusher.push(paths, { meter, record, signal });
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
