/**
 * Keeps secrets out of all that is shown or written down.
 *
 * Invariants: a value is known from the moment it is added; its base64 and URL-encoded forms and each line of a
 * multi-line value are covered too; values shorter than four characters are refused, since hiding them would
 * tear every text apart.
 *
 * @module
 */
import { encodeBase64 } from "@std/encoding";

const mask = "[redacted]";
const shortest = 4;

/** Replaces known secrets in texts and in data. */
export class Redactor {
  #forms = new Set<string>();
  #pattern: RegExp | undefined;

  /** Makes a value unspeakable from now on. */
  add(value: string): void {
    for (const part of [value, ...value.split(/\r?\n/)]) {
      const trimmed = part.trim();
      if (trimmed.length < shortest) continue;
      const bytes = new TextEncoder().encode(trimmed);
      this.#forms.add(trimmed);
      this.#forms.add(encodeURIComponent(trimmed));
      for (let shift = 0; shift < 3; shift++) this.#forms.add(base64Core(bytes, shift));
    }
    this.#pattern = undefined;
  }

  /** The longest form, in characters: how much of a stream must be held back to catch a value across its borders. */
  get longest(): number {
    return Math.max(0, ...[...this.#forms].map((form) => form.length));
  }

  /** The text with every known secret replaced. */
  redact(text: string): string {
    if (this.#forms.size === 0) return text;
    this.#pattern ??= new RegExp(
      [...this.#forms].sort((a, b) => b.length - a.length).map(RegExp.escape).join("|"),
      "g",
    );
    return text.replace(this.#pattern, mask);
  }

  /** The same data with every string in it redacted, keys included. */
  redactData<T>(data: T): T {
    return this.#forms.size === 0 ? data : this.#walk(data, 0) as T;
  }

  #walk(data: unknown, depth: number): unknown {
    if (typeof data === "string") return this.redact(data);
    if (depth > 32 || typeof data !== "object" || data === null) return data;
    if (Array.isArray(data)) return data.map((item) => this.#walk(item, depth + 1));
    if (Object.getPrototypeOf(data) !== Object.prototype) return data;
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [this.redact(key), this.#walk(value, depth + 1)]),
    );
  }
}

/** The part of a value's base64 that does not depend on what stands before and after it. */
function base64Core(bytes: Uint8Array, shift: number): string {
  const padded = new Uint8Array(shift + bytes.length);
  padded.set(bytes, shift);
  const text = encodeBase64(padded);
  const first = Math.ceil(shift * 8 / 6);
  const last = Math.floor(padded.length * 8 / 6);
  return text.slice(first, last);
}
