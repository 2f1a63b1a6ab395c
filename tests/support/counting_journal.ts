import { Journal } from "../../lib/journal/journal.ts";

/** One line of a {@linkcode CountingJournal}. */
export interface JournalLine {
  /** What it is about; an empty text for a phase, and for the whole. */
  object: string;
  /** What became of it. */
  state: string;
  /** More facts. */
  detail: Record<string, unknown>;
}

/** A journal that calls a function around each line that it writes. */
export class CountingJournal extends Journal {
  /** All lines so far. */
  readonly lines: JournalLine[] = [];
  readonly #around: (line: number, when: "before" | "after") => void;

  /** Touches no disk. */
  constructor(path: string, around: (line: number, when: "before" | "after") => void = () => {}) {
    super({ path, closeWhenIdle: true });
    this.#around = around;
  }

  override begin(operation: Parameters<Journal["begin"]>[0]): ReturnType<Journal["begin"]> {
    const record = this.#line(
      { object: "", state: "begin", detail: {} },
      () => super.begin(operation),
    );
    return {
      step: (phase, object, state, detail = {}) =>
        this.#line({ object, state, detail }, () => record.step(phase, object, state, detail)),
      end: (outcome) =>
        this.#line({ object: "", state: "end", detail: {} }, () => record.end(outcome)),
    };
  }

  #line<T>(line: JournalLine, write: () => T): T {
    const number = this.lines.push(line);
    this.#around(number, "before");
    const value = write();
    this.#around(number, "after");
    return value;
  }
}
