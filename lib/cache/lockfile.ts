/**
 * `kedge.lock`: what names meant when they were first used.
 *
 * Invariants: the file is read at each question, so that what others wrote meanwhile counts; a frozen one is never written; a pin is
 * written after what it names was verified, under the file's lock, so that two processes which pin at once keep both pins; of two
 * that pin the same for the first time, the first one says what it means; other pins, those of newer versions included, stay as
 * they are; keys are sorted, so that two people who add different pins can merge their files. An empty file holds no pin: a
 * process that was killed before its first one leaves it.
 *
 * @module
 */
import { writeFileAtomic } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { KedgeError, NotAllowedError, UsageError } from "../base/errors.ts";
import { isDenied } from "../base/files.ts";
import type { LockfileData } from "./parse_lockfile.ts";
import { type Refresh, refreshes } from "./refresh.ts";

/** What a name means. */
export interface Pin {
  /** The digest of what it names. */
  digest: Digest;
  /** Its size in bytes. */
  size?: number;
  /** When it was pinned: an ISO time. */
  date?: string;
}

/** Options of a {@linkcode Lockfile}. */
export interface LockfileOptions {
  /** Which pins may move: none, all, or those of these names. @default {"none"} */
  update?: Refresh | undefined;
  /** Whether to refuse whatever it does not hold. @default {false} */
  frozen?: boolean | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: (() => number) | undefined;
}

/** The pins of a project. */
export class Lockfile {
  /** The file. */
  readonly path: string;
  /** Whether whatever it does not hold is refused. */
  readonly frozen: boolean;
  #update: Refresh;
  #now: () => number;
  #writing: Promise<void> = Promise.resolve();
  #unpinned = new Set<string>();
  #parsed: { readonly text: string; readonly data: LockfileData } | undefined;

  /**
   * Touches no disk.
   *
   * @throws {UsageError} if it is frozen and pins are to move
   */
  constructor(path: string, options: LockfileOptions = {}) {
    this.path = path;
    this.frozen = options.frozen ?? false;
    this.#update = options.update ?? "none";
    this.#now = options.now ?? Date.now;
    if (this.frozen && this.#update !== "none") {
      throw new UsageError(
        "Cannot update a frozen lockfile: --update moves pins, --frozen forbids it",
        {
          hint: "leave out one of the two",
        },
      );
    }
  }

  /** Whether the pin of something that goes by any of these names may move. */
  moves(...names: readonly string[]): boolean {
    return refreshes(this.#update, ...names);
  }

  /**
   * What a key was pinned to; `undefined` if it is used for the first time, or its pin may move.
   *
   * @param key what is pinned, its kind first: `kexec https://...`
   * @param names by what names an update may name it
   * @throws {UsageError} if the lockfile is frozen and does not hold the key, or is not one
   * @throws {NotAllowedError} if this user or this process may not read it
   */
  async pinned(key: string, ...names: readonly string[]): Promise<Pin | undefined> {
    this.#unpinned.delete(key);
    if (this.moves(key, ...names)) return undefined;
    const pin = (await this.#read()).pins[key];
    if (pin !== undefined) return pin;
    if (!this.frozen) {
      this.#unpinned.add(key);
      return undefined;
    }
    throw new UsageError(`Cannot use "${key}": "${this.path}" does not hold it, and it is frozen`, {
      hint: "run the command once without --frozen, outside CI, and commit the lockfile",
    });
  }

  /** All pins, by their keys. */
  async all(): Promise<ReadonlyMap<string, Pin>> {
    return new Map(Object.entries((await this.#read()).pins));
  }

  /**
   * Pins a key to what was verified; gives `false` where that is what the file says already.
   *
   * @throws {KedgeError} if the file did not hold the key when it was asked for, and somebody pinned it to something else since
   */
  async pin(key: string, pin: Pin): Promise<boolean> {
    return await this.pinAll(new Map([[key, pin]]));
  }

  /**
   * Pins several keys at once, or none of them; gives `false` where the file says all of that already.
   *
   * @throws {KedgeError} as {@linkcode Lockfile.pin} does
   */
  async pinAll(pins: ReadonlyMap<string, Pin>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#writing;
    this.#writing = promise;
    await before;
    try {
      if (holdsAll(await this.#read(), pins)) return false;
      const { lockReplaced } = await import("../base/lock_replaced.ts");
      using _lock = await lockReplaced(this.path);
      const file = await this.#read();
      if (holdsAll(file, pins)) return false;
      const now = new Date(this.#now()).toISOString();
      const all = new Map(Object.entries<Pin>(file.pins));
      for (const [key, pin] of pins) {
        const standing = all.get(key)?.digest;
        if (standing === pin.digest) continue;
        if (standing !== undefined && this.#unpinned.has(key)) {
          throw this.#taken(key, standing, pin);
        }
        all.set(key, { date: now, ...pin });
      }
      const sorted = [...all].sort(([a], [b]) => a < b ? -1 : 1);
      const text = JSON.stringify({ ...file, pins: Object.fromEntries(sorted) }, undefined, 2);
      await writeFileAtomic(this.path, `${text}\n`);
      return true;
    } finally {
      resolve();
    }
  }

  #taken(key: string, standing: Digest, { digest }: Pin): KedgeError {
    return new KedgeError(
      `Cannot pin "${key}" to ${digest}: "${this.path}" pins it to ${standing} since this run began`,
      { hint: "run the same command again: it then uses what is pinned", data: { key } },
    );
  }

  async #read(): Promise<LockfileData> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { version: 1, pins: {} };
      throw unreadable(this.path, error);
    }
    if (text === "") return { version: 1, pins: {} };
    if (text === this.#parsed?.text) return this.#parsed.data;
    try {
      const { parseLockfile } = await import("./parse_lockfile.ts");
      const data = parseLockfile(JSON.parse(text));
      this.#parsed = { text, data };
      return data;
    } catch (cause) {
      throw unreadable(this.path, cause, text);
    }
  }
}

function holdsAll({ pins }: LockfileData, wanted: ReadonlyMap<string, Pin>): boolean {
  return wanted.entries().every(([key, { digest }]) => pins[key]?.digest === digest);
}

function unreadable(path: string, cause: unknown, text = ""): KedgeError {
  const message = `Cannot read the lockfile "${path}": ${(cause as Error).message}`;
  if (isDenied(cause)) {
    return new NotAllowedError(message, { cause, hint: "this user must be allowed to read it" });
  }
  if (cause instanceof Deno.errors.NotCapable) return new NotAllowedError(message, { cause });
  return new UsageError(message, {
    cause,
    hint: /^(<{7}|>{7}) /m.test(text)
      ? "a merge left its conflict in it: keep the pins of both sides, without its marks"
      : /^\s*\{\s*"version":\s*([2-9]|[1-9]\d)/.test(text)
      ? "a newer kedge wrote it: use that one here too"
      : "restore it from version control, or remove it to pin anew",
  });
}
