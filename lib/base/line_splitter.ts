import type { Redactor } from "./redactor.ts";

/** The most characters that are kept of a line without an end. */
const longestLine = 16 * 1024;

const controls =
  // deno-lint-ignore no-control-regex -- control sequences are what is taken out
  /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/**
 * Makes lines of the output of a program: they end at `\n`, at `\r` (a progress bar's) or at 16 KiB; control sequences of terminals are
 * left out, and so are empty lines. With a redactor, lines are free of secrets, and none is cut within one.
 */
export class LineSplitter {
  #decoder = new TextDecoder();
  #rest = "";
  #take: (line: string) => void;
  #redactor: Redactor | undefined;

  /** Hands each line to a function. */
  constructor(take: (line: string) => void, redactor?: Redactor) {
    this.#take = take;
    this.#redactor = redactor;
  }

  /** Takes the next piece of output. */
  push(bytes: Uint8Array): void {
    this.#add(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Hands over what came after the last end of a line. */
  end(): void {
    this.#add(`${this.#decoder.decode()}\n`);
  }

  #add(text: string): void {
    const lines = (this.#rest + text).split(/[\r\n]/);
    this.#rest = lines.pop()!;
    for (const line of lines) this.#emit(line);
    const longest = Math.max(longestLine, this.#redactor?.longest ?? 0);
    while (this.#rest.length > longest) {
      const piece = this.#rest.slice(0, longest);
      const cut = this.#redactor?.safeCut(piece) ?? longest;
      this.#emit(piece.slice(0, cut));
      this.#rest = this.#rest.slice(cut);
    }
  }

  #emit(line: string): void {
    const plain = line.replace(controls, "");
    if (plain.trim() === "") return;
    this.#take(this.#redactor?.redact(plain.trimEnd()) ?? plain.trimEnd());
  }
}
