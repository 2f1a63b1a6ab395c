/** One thread of a crew, as far as the crew goes. */
export interface CrewMember {
  /** How many jobs it has. */
  readonly load: number;
  /** Whether it can do no more. */
  readonly isBroken: boolean;
  /** Ends it, once it writes nothing more. */
  stop(): Promise<void>;
}

const jobsEach = 2;

/** Threads that start when there is work for them, so that the first one is at work while the next one starts. */
export class Crew<M extends CrewMember> implements AsyncDisposable {
  readonly #members: M[] = [];
  readonly #start: () => M;
  #threads: number;

  /** Starts no thread yet. */
  constructor(threads: number, start: () => M) {
    this.#threads = threads;
    this.#start = start;
  }

  /** How many jobs are worth being under way at once: more than there are threads, so that none waits for its next one. */
  get concurrency(): number {
    return Math.max(1, this.#threads * jobsEach);
  }

  /** The thread that has the least to do; none where this process may start none. */
  idlest(): M | undefined {
    const idlest = this.#members.filter(({ isBroken }) => !isBroken)
      .toSorted((a, b) => a.load - b.load)[0];
    if (idlest?.load === 0 || this.#members.length >= this.#threads) return idlest;
    try {
      const member = this.#start();
      this.#members.push(member);
      return member;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      this.#threads = this.#members.length;
      return idlest;
    }
  }

  /** Ends the threads, once they write nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#threads = 0;
    await Promise.all(this.#members.map((member) => member.stop()));
  }
}
