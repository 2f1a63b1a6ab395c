import type { ObjectMeter } from "../../base/meter.ts";
import { withoutColours } from "./nix_command.ts";

/** The types of Nix's activities and results that matter here. */
const copyPath = 100;
const progressResult = 105;

/** A path that Nix begins to copy. */
export interface BegunCopy {
  /** The size of its NAR in bytes. */
  size: number;
  /** Told of its bytes. */
  meter: ObjectMeter;
}

interface Copying extends BegunCopy {
  counted: number;
}

/** Reads Nix's own log, `@nix {json}` a line. */
export class NixLog implements Disposable {
  /** What Nix said of its failure, in brackets. */
  error: string | undefined;
  readonly #begin: (path: string) => BegunCopy;
  #decoder = new TextDecoder();
  #pending = "";
  #copying = new Map<number, Copying>();

  /** Takes what is called for each path that is copied. */
  constructor(begin: (path: string) => BegunCopy) {
    this.#begin = begin;
  }

  /** Takes a piece of it. */
  take(bytes: Uint8Array): void {
    const lines = (this.#pending + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#pending = lines.pop()!.slice(-1_000_000);
    for (const line of lines) {
      if (line.startsWith("@nix ")) this.#event(line.slice(5));
    }
  }

  /** Ends what is still under way. */
  [Symbol.dispose](): void {
    for (const { meter } of this.#copying.values()) meter[Symbol.dispose]();
    this.#copying.clear();
  }

  #event(text: string): void {
    let event: Record<string, unknown>;
    try {
      event = JSON.parse(text);
    } catch (error) {
      if (error instanceof SyntaxError) return;
      throw error;
    }
    const { action, id, type, fields, level, msg } = event;
    if (action === "msg" && level === 0 && typeof msg === "string") {
      const words = withoutColours(msg).replace(/\s+/g, " ").trim();
      this.error = ` (${words.slice(0, 300)})`;
    }
    if (typeof id !== "number") return;
    if (action === "start" && type === copyPath && Array.isArray(fields)) {
      this.#copying.set(id, { ...this.#begin(String(fields[0])), counted: 0 });
      return;
    }
    const copying = this.#copying.get(id);
    if (copying === undefined) return;
    const done = Array.isArray(fields) && typeof fields[0] === "number" ? fields[0] : 0;
    if (action === "result" && type === progressResult) {
      count(copying, Math.min(done, copying.size));
    }
    if (action === "stop") {
      count(copying, copying.size);
      copying.meter[Symbol.dispose]();
      this.#copying.delete(id);
    }
  }
}

function count(copying: Copying, upTo: number): void {
  if (upTo <= copying.counted) return;
  copying.meter.moved(upTo - copying.counted);
  copying.counted = upTo;
}
