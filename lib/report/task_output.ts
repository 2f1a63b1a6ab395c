/**
 * What the commands of each task printed: for a failed one it is shown again at the end.
 *
 * @module
 */

const keptCharacters = 64 * 1024;

/** Keeps the last of each task's output. */
export class TaskOutput {
  #texts = new Map<string, string[]>();
  #sizes = new Map<string, number>();

  /** Takes whole lines. */
  add(task: string, text: string): void {
    const texts = this.#texts.get(task) ?? [];
    texts.push(text);
    let size = (this.#sizes.get(task) ?? 0) + text.length;
    while (texts.length > 1 && size - texts[0]!.length > keptCharacters) {
      size -= texts.shift()!.length;
    }
    this.#texts.set(task, texts);
    this.#sizes.set(task, size);
  }

  /** The lines that were kept of a task, and forgets them. */
  take(task: string): string[] {
    const text = (this.#texts.get(task) ?? []).join("");
    this.#texts.delete(task);
    this.#sizes.delete(task);
    return text === "" ? [] : text.replace(/\n$/, "").split("\n");
  }
}
