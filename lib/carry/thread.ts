/** What a thread says once it writes nothing more. */
export interface Stopped {
  stopped: true;
}

/** What a {@linkcode Thread} works with. */
export interface ThreadOptions<Order, Report> {
  /** The module that runs there. */
  module: string;
  /** What it is told first. */
  start: Order;
  /** Told of what it reports. */
  onReport: (report: Exclude<Report, Stopped>) => void;
  /** Told that it can do no more. */
  onBroken: () => void;
}

/** A thread that takes orders until it is stopped, and writes nothing any more afterwards. */
export class Thread<Order, Report> {
  /** Whether it can do no more. */
  isBroken = false;
  readonly #worker: Worker;
  readonly #stopped = Promise.withResolvers<void>();

  /** Starts it. */
  constructor({ module, start, onReport, onBroken }: ThreadOptions<Order, Report>) {
    this.#worker = new Worker(module, { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Report>) => {
      if (isStopped(data)) this.#stopped.resolve();
      else onReport(data as Exclude<Report, Stopped>);
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.isBroken = true;
      onBroken();
      this.#stopped.resolve();
    });
    this.tell(start);
  }

  /** Tells it something, and gives away what it transfers. */
  tell(order: Order, transfer: Transferable[] = []): void {
    if (!this.isBroken) this.#worker.postMessage(order, transfer);
  }

  /** Ends it once it has said that it stopped, for which `order` asks. */
  async stop(order: Order): Promise<void> {
    this.tell(order);
    await this.#stopped.promise;
    this.isBroken = true;
    this.#worker.terminate();
  }
}

function isStopped(report: unknown): boolean {
  return typeof report === "object" && report !== null && "stopped" in report;
}
