/**
 * Progress bars by dax, loaded when the first operation moves something: a run that moves nothing does not pay for them.
 *
 * @module
 */
import type { ProgressBar } from "@david/dax";
import type { RunEvent } from "../runner/events.ts";
import type { Progress } from "./progress.ts";
import { visible } from "./visible.ts";

type BarTools = typeof import("./bar_tools.ts");

/** A bar for each operation that moves bytes. */
export class Bars implements Progress {
  #bars = new Map<string, ProgressBar>();
  #tools: BarTools | undefined;
  #loading = false;
  #closed = false;

  report(event: RunEvent): void {
    if (event.type === "operation-end") {
      this.#bars.get(event.operation)?.finish();
      this.#bars.delete(event.operation);
    }
    if (
      event.type !== "progress" || event.bytesToMove === 0 || event.bytesToMove === Infinity ||
      this.#closed
    ) return;
    if (this.#tools === undefined) return this.#load();
    let bar = this.#bars.get(event.operation);
    if (bar === undefined) {
      bar = this.#tools.makeBar(visible(event.task ?? event.kind), visible(event.subject));
      this.#bars.set(event.operation, bar);
    }
    bar.length(Math.max(event.bytesToMove, event.bytesMoved));
    bar.position(event.bytesMoved);
  }

  above(print: () => void): void {
    if (this.#tools === undefined || this.#bars.size === 0) print();
    else this.#tools.printAbove(print);
  }

  close(): void {
    this.#closed = true;
    for (const bar of this.#bars.values()) bar.finish();
    this.#bars.clear();
  }

  #load(): void {
    if (this.#loading) return;
    this.#loading = true;
    import("./bar_tools.ts").then((tools) => void (this.#tools = tools));
  }
}
