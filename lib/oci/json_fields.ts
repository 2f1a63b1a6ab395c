/** Makes the error of data that is not what it must be. */
export type RefuseJson = (state: string, hint?: string) => Error;

/**
 * The fields of an object in JSON from outside, checked by hand where they are read: whoever finds an image unchanged reads manifests
 * first, and would wait for a library of schemas to load.
 */
export class JsonFields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #at: string;
  readonly #refuse: RefuseJson;

  /** Takes an object that lies at a path such as `layers.0`; an empty one is the top. */
  constructor(value: unknown, at: string, refuse: RefuseJson) {
    this.#at = at;
    this.#refuse = refuse;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.#misfit("", "an object");
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  /** Refuses a field for what is wrong with it, with the next step where there is one. */
  refused(name: string, state: string, hint?: string): Error {
    const path = [this.#at, name].filter((part) => part !== "").join(".");
    return this.#refuse(`${state} (at ${path === "" ? "the top" : path})`, hint);
  }

  /** A text. */
  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value === "string") return value;
    throw this.#misfit(name, "a text");
  }

  /** A number, whole or not. */
  number(name: string): number {
    const value = this.#fields[name];
    if (typeof value === "number") return value;
    throw this.#misfit(name, "a number");
  }

  /** A list, each item read by `read`, which is told its path; an empty one is `null` in the JSON of programs in Go. */
  list<T>(name: string, read: (item: unknown, at: string) => T): T[] {
    const value = this.#fields[name];
    if (value === null) return [];
    if (!Array.isArray(value)) throw this.#misfit(name, "a list");
    const path = this.#at === "" ? name : `${this.#at}.${name}`;
    return value.map((item, at) => read(item, `${path}.${at}`));
  }

  /** An object, read by `read`, which is told its path. */
  object<T>(name: string, read: (value: unknown, at: string, refuse: RefuseJson) => T): T {
    return read(this.#fields[name], this.#at === "" ? name : `${this.#at}.${name}`, this.#refuse);
  }

  /** An object of which all fields are texts. */
  texts(name: string): Record<string, string> {
    return this.object(name, (value, at, refuse) => {
      const fields = new JsonFields(value, at, refuse);
      for (const key of Object.keys(value as object)) fields.text(key);
      return value as Record<string, string>;
    });
  }

  /** A list of texts. */
  textList(name: string): string[] {
    return this.list(name, (item, at) => {
      if (typeof item === "string") return item;
      throw this.#refuse(`a text is expected (at ${at})`);
    });
  }

  /** What `read` gives of a field, where there is one; `null` is none. */
  optional<T>(name: string, read: (name: string) => T): T | undefined {
    return this.#fields[name] === undefined || this.#fields[name] === null ? undefined : read(name);
  }

  #misfit(name: string, wanted: string): Error {
    return this.refused(name, `${wanted} is expected`);
  }
}
