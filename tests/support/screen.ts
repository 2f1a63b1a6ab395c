// deno-lint-ignore-file no-control-regex -- control sequences are what it is about
/**
 * A small terminal: it takes what a program writes and tells what a reader sees.
 *
 * It knows what the reporters and Deno use (line breaks, carriage returns, the cursor up and to a column, erasing, the cursor hidden
 * and shown, colours) and refuses any other control sequence.
 *
 * @module
 */

/** A screen without a bottom. */
export class Screen {
  /** Whether the cursor is shown. */
  isCursorShown = true;
  /** The rows that a line went on to because it was too long. */
  readonly wrapped = new Set<number>();
  #columns: number;
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;

  /** A terminal with so many columns. */
  constructor(columns: number) {
    this.#columns = columns;
  }

  /** What stands there, each row without white space at its end. */
  get rows(): string[] {
    return this.#rows.map((row) => Array.from(row, (letter) => letter ?? " ").join("").trimEnd());
  }

  /** The lines that stand there, those that were wrapped in one piece again. */
  get lines(): string[] {
    const lines: string[] = [];
    for (const [index, row] of this.#rows.entries()) {
      const text = Array.from(row, (letter) => letter ?? " ").join("");
      if (this.wrapped.has(index)) lines.push(lines.pop() + text);
      else lines.push(text);
    }
    return lines.map((line) => line.trimEnd());
  }

  /** Takes what was written. */
  write(text: string): void {
    for (const [piece] of text.matchAll(/\x1b\[[?\d;]*[A-Za-z]|[^]/gu)) this.#take(piece);
  }

  #take(piece: string): void {
    if (piece === "\r") this.#column = 0;
    else if (piece === "\n") this.#lineFeed();
    else if (piece === "\x1b[?25l") this.isCursorShown = false;
    else if (piece === "\x1b[?25h") this.isCursorShown = true;
    else if (/^\x1b\[0?J$/.test(piece)) this.#eraseBelow();
    else if (/^\x1b\[0?K$/.test(piece)) this.#eraseRight();
    else if (piece === "\x1b[2K") this.#rows[this.#row] = [];
    else if (/^\x1b\[\d*G$/.test(piece)) {
      this.#column = Math.max(0, Number(piece.slice(2, -1)) - 1);
    } else if (/^\x1b\[\d*A$/.test(piece)) this.#row -= Number(piece.slice(2, -1) || 1);
    else if (!/^\x1b\[[\d;]*m$/.test(piece)) this.#put(piece);
  }

  #put(letter: string): void {
    if (letter < " ") throw new Error(`the terminal does not know ${JSON.stringify(letter)}`);
    if (this.#column === this.#columns) {
      this.#lineFeed();
      this.#column = 0;
      this.wrapped.add(this.#row);
    }
    this.#rows[this.#row]![this.#column++] = letter;
  }

  #lineFeed(): void {
    this.#row++;
    this.#rows[this.#row] ??= [];
  }

  #eraseRight(): void {
    const row = this.#rows[this.#row]!;
    row.length = Math.min(row.length, this.#column);
  }

  #eraseBelow(): void {
    this.#eraseRight();
    this.#rows.length = this.#row + 1;
    for (const row of this.wrapped) if (row > this.#row) this.wrapped.delete(row);
  }
}
