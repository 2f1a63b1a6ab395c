/**
 * How much a server is asked for at the same time: one more with each answer until the first sign that it was too much, half after each
 * such sign, and then one more after each round that went well (slow start, additive increase, multiplicative decrease, as TCP does it).
 * Where it was too much last time is tried again only after many rounds, so that it stays just below what the server takes.
 *
 * Invariants: the limit is never below one nor above its ceiling; of several refusals that belong to one burst only the first halves.
 *
 * @module
 */

/** What tells how many may be under way. */
export interface Limit {
  /** How many may be under way now, for each of those who share it. */
  readonly now: number;
  /** How many may be under way now in all, where it can be shared. */
  readonly whole?: number;
  /** Settles once more may be under way than now; whoever waits for one of them to end may go on then. */
  readonly raised?: Promise<void> | undefined;
  /** Divides it among so many, which may change, until disposed of. */
  share?(sharers: () => number): Disposable;
}

const roundsBeforeTooMuch = 32;
const burstMs = 200;

/** The limit of one server. */
export class Pace implements Limit {
  #limit: number;
  #sharers = () => 1;
  #ceiling: number;
  #good = 0;
  #tooMuch = Infinity;
  #refusedAt = -Infinity;
  #clock: () => number;
  #raised: PromiseWithResolvers<void> | undefined;

  /** Begins at a limit, and never goes above the ceiling. */
  constructor(start: number, ceiling: number, clock: () => number = () => performance.now()) {
    this.#ceiling = Math.max(1, ceiling);
    this.#limit = Math.min(Math.max(1, start), this.#ceiling);
    this.#clock = clock;
  }

  get now(): number {
    const sharers = Math.min(this.whole, Math.max(1, this.#sharers()));
    return Math.floor(this.whole / sharers);
  }

  get whole(): number {
    return Math.floor(this.#limit);
  }

  get raised(): Promise<void> | undefined {
    if (this.#limit >= this.#ceiling) return undefined;
    return (this.#raised ??= Promise.withResolvers<void>()).promise;
  }

  share(sharers: () => number): Disposable {
    const before = this.#sharers;
    this.#sharers = sharers;
    return { [Symbol.dispose]: () => this.#sharers = before };
  }

  /** Something went well. */
  went(): void {
    this.#good++;
    const rounds = this.whole + 1 === this.#tooMuch ? roundsBeforeTooMuch : 1;
    const wanted = this.#refusedAt === -Infinity ? 1 : rounds * this.whole;
    if (this.#good < wanted) return;
    this.#good = 0;
    if (this.whole >= this.#tooMuch) this.#tooMuch = Infinity;
    this.#limit = Math.min(this.#ceiling, this.whole + 1);
    this.#raised?.resolve();
    this.#raised = undefined;
  }

  /** The server said that it was too much, or could not keep up. */
  refused(): void {
    const at = this.#clock();
    this.#good = 0;
    if (at - this.#refusedAt < burstMs) return;
    this.#refusedAt = at;
    this.#tooMuch = Math.max(2, this.whole);
    this.#limit = Math.max(1, Math.ceil(this.whole / 2));
  }
}

/** The tighter of two limits. */
export function tighter(a: Limit, b: Limit): Limit {
  return {
    get now() {
      return Math.min(a.now, b.now);
    },
    get raised() {
      const either = [a.raised, b.raised].filter((each) => each !== undefined);
      return either.length === 0 ? undefined : Promise.race(either);
    },
  };
}

/** A limit that stays. */
export function fixedLimit(count: number): Limit {
  return { now: count };
}
