import type { Reporter, RunEvent, RunLine, RunResult } from "../runner/events.ts";
import type { Output } from "./output.ts";

/** One JSON object a line on standard output: the events, then the result. */
export class JsonReporter implements Reporter {
  #output: Output;

  /** Writes to the given output. */
  constructor(output: Output) {
    this.#output = output;
  }

  report(event: RunEvent): void {
    this.#line(event);
  }

  result(result: RunResult): void {
    if (result.ok) {
      const { type, task, ok, value } = result;
      this.#line({ type, task, ok, value: value ?? null });
    } else {
      this.#line(result);
    }
  }

  pause(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #line(data: RunLine): void {
    this.#output.data(harmless(JSON.stringify(data)));
  }
}

/** The same JSON, with nothing in it that a terminal, or GitHub's runner, takes for a command. */
function harmless(json: string): string {
  return json.replaceAll("##[", "#\\u0023[")
    .replace(/[\x7f-\x9f]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
}
