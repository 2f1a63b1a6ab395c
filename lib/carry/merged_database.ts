import { join } from "@std/path";
import { type Digest, Hasher, sha256 } from "../base/digest.ts";
import { damagedDatabase } from "../nix/folder/database_failure.ts";
import { StoreDatabase } from "../nix/folder/store_database.ts";
import { databaseFiles, databaseFolder, type ImageStore } from "./database_files.ts";
import type { LayerFacts } from "./layer_memory.ts";

/** What the rows are in: the database, the journal of what a change that was cut off made of it, and the log of what is not in it yet. */
const rowFiles = ["db.sqlite", "db.sqlite-journal", "db.sqlite-wal"];
const emptyFile = sha256("");

/** The database as all layers together show it: each file as the uppermost layer has it that has or hides it. Layers are passed from the uppermost down. */
export class MergedDatabase {
  readonly #settled = new Set<string>();
  readonly #digests = new Map<string, Digest>();

  /** Whether no layer so far has, or hides, a file of this name. */
  lacks(name: string): boolean {
    return !this.#settled.has(name);
  }

  /** Whether the next layer must be read for what it has of the database; for the schema alone it need not. */
  wants({ databaseFiles }: Pick<LayerFacts, "databaseFiles">): boolean {
    return rowFiles.some((name) => this.lacks(name) && databaseFiles.includes(name));
  }

  /** Whether the database itself came. */
  get isThere(): boolean {
    return this.#digests.has("db.sqlite");
  }

  /** Passes a layer; `digests` are those of the files in it, where it was read. */
  pass(
    facts: Pick<LayerFacts, "databaseFiles" | "hidden">,
    digests?: ReadonlyMap<string, Digest>,
  ): void {
    for (const name of facts.databaseFiles) {
      if (!this.lacks(name)) continue;
      this.#settled.add(name);
      const digest = digests?.get(name);
      if (digest !== undefined) this.#digests.set(name, digest);
    }
    for (const name of databaseFiles) {
      if (facts.hidden.some((path) => hides(path, databaseFolder + name))) this.#settled.add(name);
    }
  }

  /**
   * What it says, once its files lie in a folder; `undefined` where there is none.
   *
   * @throws {VerificationError} if it is damaged, or none of Nix's
   */
  async read(work: string): Promise<ImageStore | undefined> {
    const digest = this.digest();
    if (digest === undefined) return undefined;
    using database = await StoreDatabase.read(work);
    if (database === undefined) throw damagedDatabase(join(work, "db.sqlite"), "it is empty");
    return { rows: database.rows(), database: digest };
  }

  /** What tells it from another; `undefined` where there is none. A log that is empty is as good as none. */
  digest(): Digest | undefined {
    if (!this.isThere) return undefined;
    const whole = new Hasher();
    for (const name of rowFiles) {
      const digest = this.#digests.get(name) ?? emptyFile;
      whole.update(new TextEncoder().encode(digest));
    }
    return whole.digest();
  }
}

/** Whether what is hidden, itself or only what lies in it, is a path or above it. */
function hides(hidden: string, path: string): boolean {
  return path === hidden || path.startsWith(hidden.endsWith("/") ? hidden : `${hidden}/`);
}
