/**
 * Makes whole, redacted lines of the bytes that a child prints.
 *
 * Invariants: a line is given on in one piece; a line that does not end within 64 KiB, or within the longest secret where that is longer, is
 * cut, but never within a secret, so that memory stays bounded; a secret that arrives in two pieces is hidden like any other.
 *
 * @module
 */
import type { Redactor } from "../base/redactor.ts";

const longestLine = 64 * 1024;

/** Takes bytes, gives lines. */
export class LineWriter {
  #emit: (text: string) => void;
  #redactor: Redactor;
  #decoder = new TextDecoder();
  #held = "";

  /** Each call of `emit` gets one or more whole lines, each with its line break. */
  constructor(redactor: Redactor, emit: (text: string) => void) {
    this.#redactor = redactor;
    this.#emit = emit;
  }

  /** Takes bytes; all of them. */
  writeSync(bytes: Uint8Array): number {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
    return bytes.byteLength;
  }

  /** Gives on what is left, as a line. */
  flush(): void {
    this.#take(this.#decoder.decode());
    if (this.#held !== "") this.#give(this.#held + "\n");
    this.#held = "";
  }

  #take(text: string): void {
    this.#held += text;
    const end = this.#held.lastIndexOf("\n") + 1;
    if (end > 0) {
      this.#give(this.#held.slice(0, end));
      this.#held = this.#held.slice(end);
    }
    const longest = Math.max(longestLine, this.#redactor.longest);
    while (this.#held.length > longest) {
      const cut = this.#redactor.safeCut(this.#held.slice(0, longest));
      this.#give(this.#held.slice(0, cut) + "\n");
      this.#held = this.#held.slice(cut);
    }
  }

  #give(lines: string): void {
    this.#emit(this.#redactor.redact(lines));
  }
}
