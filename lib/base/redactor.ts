/**
 * Keeps secrets out of all that is shown or written down.
 *
 * Invariants: a value is known from the moment it is added; its base64, base64url, URL-encoded, hexadecimal and JSON-escaped
 * forms and each line of a multi-line value are covered too; values shorter than four characters are left alone, since hiding
 * them would tear every text apart (`Secret` refuses to hold one); no pattern is so large that V8 refuses it.
 *
 * @module
 */
const mask = "[redacted]";

/** The fewest characters that can be hidden. */
export const shortestSecret = 4;

/** The most characters that can be hidden: each line is looked for in many forms. */
export const longestSecret = 64 * 1024;

/** The most characters of one pattern: V8 refuses those that are too large, and tells them in full. A longer form is looked for as a text. */
const patternLength = 32 * 1024;

/** What every redactor knows, in the order in which it became known. */
const everywhere = new Set<string>();

/** Makes values unspeakable for every redactor of this process, those included that are made later. */
export const everyRedactor: Pick<Redactor, "add"> = {
  add: (value) => void everywhere.add(value),
};

/** Replaces known secrets in texts and in data. */
export class Redactor {
  #known = new Set<string>();
  #taken = 0;
  #patterns: readonly (RegExp | string)[] | undefined;
  #longest = 0;

  /** Redacts a value from now on. */
  add(value: string): void {
    for (
      const part of new Set([
        value.trim(),
        ...value.split(/\r?\n/).map((line) => line.trim()),
      ])
    ) {
      if (part.length < shortestSecret) continue;
      for (const form of formsOf(part)) {
        this.#known.add(form);
        this.#longest = Math.max(this.#longest, form.length);
      }
    }
    this.#patterns = undefined;
  }

  /** The longest form, in characters. */
  get longest(): number {
    return this.#forms.size === 0 ? 0 : this.#longest;
  }

  /** The text with every known secret replaced. */
  redact(text: string): string {
    if (this.#forms.size === 0) return text;
    return this.#searches().reduce<string>((left, each) => left.replaceAll(each, mask), text);
  }

  /**
   * Where a text that goes on later may be cut: what stands before is free of parts of a secret once it is redacted, what
   * stands after may be the beginning of one.
   */
  safeCut(text: string): number {
    let cut = text.length - this.#heldBack(text);
    if (cut === text.length) return cut;
    for (let before = -1; before !== cut;) {
      before = cut;
      for (const { start, end } of this.#searches().flatMap((each) => found(text, each))) {
        if (start < cut && end > cut) cut = end;
      }
    }
    return cut;
  }

  /** The same data with every string in it redacted, keys included. */
  redactData<T>(data: T): T {
    return this.#forms.size === 0 ? data : this.#walk(data, 0) as T;
  }

  get #forms(): Set<string> {
    if (this.#taken < everywhere.size) {
      const values = [...everywhere].slice(this.#taken);
      this.#taken = everywhere.size;
      for (const value of values) this.add(value);
    }
    return this.#known;
  }

  /** The longest forms first: a part of one is not a form that is left over. */
  #searches(): readonly (RegExp | string)[] {
    if (this.#patterns !== undefined) return this.#patterns;
    const patterns: (RegExp | string)[] = [];
    let source = "";
    const close = () => {
      if (source !== "") patterns.push(new RegExp(source, "g"));
      source = "";
    };
    for (const form of [...this.#forms].sort((a, b) => b.length - a.length)) {
      const escaped = RegExp.escape(form);
      if (source.length + escaped.length > patternLength) close();
      if (escaped.length > patternLength) patterns.push(form);
      else source = source === "" ? escaped : `${source}|${escaped}`;
    }
    close();
    return this.#patterns = patterns;
  }

  #heldBack(text: string): number {
    let held = 0;
    for (const form of this.#forms) {
      for (let length = Math.min(form.length - 1, text.length); length > held; length--) {
        if (text.endsWith(form.slice(0, length))) held = length;
      }
    }
    return held;
  }

  #walk(data: unknown, depth: number): unknown {
    if (typeof data === "string") return this.redact(data);
    if (typeof data !== "object" || data === null) return data;
    if (depth > 32) return mask;
    if (Array.isArray(data)) return data.map((item) => this.#walk(item, depth + 1));
    const prototype = Object.getPrototypeOf(data);
    if (prototype !== Object.prototype && prototype !== null) return data;
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [this.redact(key), this.#walk(value, depth + 1)]),
    );
  }
}

/** Where a text has what is looked for. */
function found(text: string, search: RegExp | string): { start: number; end: number }[] {
  if (typeof search !== "string") {
    return [...text.matchAll(search)].map(({ index, 0: form }) => ({
      start: index,
      end: index + form.length,
    }));
  }
  const places: { start: number; end: number }[] = [];
  for (let end = 0, start; (start = text.indexOf(search, end)) >= 0;) {
    end = start + search.length;
    places.push({ start, end });
  }
  return places;
}

function formsOf(value: string): string[] {
  const bytes = new TextEncoder().encode(value);
  const encoded = encodeURIComponent(value);
  const forms = [
    value,
    encoded,
    encoded.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    encoded.replaceAll("%20", "+"),
    JSON.stringify(value).slice(1, -1),
    bytes.toHex(),
    bytes.toHex().toUpperCase(),
  ];
  for (let shift = 0; shift < 3; shift++) {
    const core = base64Core(bytes, shift);
    forms.push(core, core.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return forms.filter((form) => form.length >= shortestSecret);
}

/** The part of a value's base64 that does not depend on what stands before and after it. */
function base64Core(bytes: Uint8Array, shift: number): string {
  const padded = new Uint8Array(shift + bytes.length);
  padded.set(bytes, shift);
  const text = padded.toBase64();
  const first = Math.ceil(shift * 8 / 6);
  const last = Math.floor(padded.length * 8 / 6);
  return text.slice(first, last);
}
