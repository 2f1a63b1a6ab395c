import { join } from "@std/path";
import { type Digest, Hasher } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { StoreDatabase, type StoreRow } from "../nix/store_database.ts";
import type { LayerMember } from "../oci/layer_members.ts";

/** What an image says of the store in it. */
export interface ImageStore {
  /** The valid paths, by their base names. */
  rows: Map<string, StoreRow>;
  /** The sha256 of the database's files. */
  database: Digest;
}

/** Where the database is, below the root. */
export const databaseFolder = "nix/var/nix/db/";
const databaseFiles = ["db.sqlite", "db.sqlite-wal", "schema"];
const largestDatabaseBytes = 1024 * 1024 * 1024;

/** The files of an image's database, on their way to a folder or hashed alone. */
export class DatabaseFiles {
  readonly #work: string | undefined;
  readonly #hashers = new Map<string, Hasher>();

  /** Takes the folder that they are written to; without any, they are hashed. */
  constructor(work?: string) {
    this.#work = work;
  }

  /** Whether the database itself came. */
  get isThere(): boolean {
    return this.#hashers.has("db.sqlite");
  }

  /** Takes a member if it is one of the files; tells whether it lies beside them at least. */
  async take({ path, type, size, body }: LayerMember): Promise<boolean> {
    const name = databaseFiles.find((each) => path === databaseFolder + each);
    if (name === undefined) return path.startsWith(databaseFolder);
    if (type !== "file" || size > largestDatabaseBytes) {
      throw new VerificationError(`Cannot use the database "/${path}": it is no file of its kind`);
    }
    const hasher = new Hasher();
    using file = this.#work === undefined
      ? undefined
      : await Deno.open(join(this.#work, name), { write: true, create: true, truncate: true });
    for await (const piece of body) {
      hasher.update(piece);
      for (let at = 0; file !== undefined && at < piece.length;) {
        at += await file.write(piece.subarray(at));
      }
    }
    this.#hashers.set(name, hasher);
    return true;
  }

  /** The digest of all of them; `undefined` where the database did not come. */
  digest(): Digest | undefined {
    if (!this.isThere) return undefined;
    const whole = new Hasher();
    for (const name of databaseFiles) {
      const hasher = this.#hashers.get(name);
      if (hasher !== undefined) whole.update(new TextEncoder().encode(hasher.digest()));
    }
    return whole.digest();
  }

  /** What the database says, once it came. */
  async read(): Promise<ImageStore> {
    using database = await StoreDatabase.read(this.#work!);
    return { rows: database!.rows(), database: this.digest()! };
  }
}
