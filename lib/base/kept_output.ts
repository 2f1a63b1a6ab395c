import type { Redactor } from "./redactor.ts";

/** What {@linkcode KeptOutput} kept. */
export interface KeptText {
  /** The beginning of the output, or all of it, with secrets taken out. */
  text: string;
  /** Whether there was more than was kept. */
  isCut: boolean;
  /** All bytes of the output. */
  bytes: number;
}

/**
 * Keeps the beginning of a program's output as a text, so that one that never ends to print does not fill the memory. What is kept is free of
 * secrets, and of the beginning of one at its end.
 */
export class KeptOutput {
  #decoder = new TextDecoder();
  #text = "";
  #bytes = 0;

  /** Keeps no more than so many bytes. */
  constructor(readonly mostBytes: number, readonly redactor: Redactor) {}

  /** Takes the next piece of output. */
  push(bytes: Uint8Array): void {
    const room = Math.max(0, this.mostBytes - this.#bytes);
    this.#bytes += bytes.byteLength;
    if (room > 0) this.#text += this.#decoder.decode(bytes.subarray(0, room), { stream: true });
  }

  /** What was kept of all of it. */
  end(): KeptText {
    const isCut = this.#bytes > this.mostBytes;
    // A character that the cut went through is left out.
    const text = isCut ? this.#text : this.#text + this.#decoder.decode();
    const end = isCut ? this.redactor.safeCut(text) : text.length;
    return { text: this.redactor.redact(text.slice(0, end)), isCut, bytes: this.#bytes };
  }
}
