/** The most characters that are kept of a line without an end. */
const longestLine = 16 * 1024;

const controls =
  // deno-lint-ignore no-control-regex -- control sequences are what is taken out
  /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/**
 * Makes lines of the output of a program: they end at `\n`, at `\r` (a progress bar's) or at 16 KiB; control sequences of terminals are
 * left out, and so are empty lines.
 */
export class LineSplitter {
  #decoder = new TextDecoder();
  #rest = "";
  #take: (line: string) => void;

  /** Hands each line to a function. */
  constructor(take: (line: string) => void) {
    this.#take = take;
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
    while (this.#rest.length > longestLine) {
      this.#emit(this.#rest.slice(0, longestLine));
      this.#rest = this.#rest.slice(longestLine);
    }
  }

  #emit(line: string): void {
    const plain = line.replace(controls, "");
    if (plain.trim() !== "") this.#take(plain.trimEnd());
  }
}
