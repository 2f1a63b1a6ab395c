import { join } from "@std/path";
import { type Digest, Hasher } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { StoreRow } from "../nix/folder/store_row.ts";
import type { TarContents } from "../base/tar_reader.ts";
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
/** What of it is read, by its name there. */
export const databaseFiles: readonly string[] = [
  "db.sqlite",
  "db.sqlite-journal",
  "db.sqlite-wal",
  "schema",
];
const largestDatabaseBytes = 1024 * 1024 * 1024;

/** The files of an image's database, on their way to a folder or hashed alone. */
export class DatabaseFiles {
  readonly #work: string | undefined;
  readonly #wants: (name: string) => boolean;
  readonly #hashers = new Map<string, Hasher>();

  /**
   * Takes the folder that they are written to; without any, they are hashed.
   *
   * @param wants whether a file of this name is looked at
   */
  constructor(work?: string, wants: (name: string) => boolean = () => true) {
    this.#work = work;
    this.#wants = wants;
  }

  /** Whether the database itself came. */
  get isThere(): boolean {
    return this.#hashers.has("db.sqlite");
  }

  /** Takes a member that lies where the database is. */
  take(
    { path, type, size }: Pick<LayerMember, "path" | "type" | "size">,
  ): TarContents | undefined {
    const name = databaseFiles.find((each) => path === databaseFolder + each);
    if (name === undefined || !this.#wants(name)) return undefined;
    if (type !== "file" || size > largestDatabaseBytes) {
      throw new VerificationError(
        `Cannot use the database "/${path}": it is not a file of its kind`,
      );
    }
    const hasher = new Hasher();
    this.#hashers.set(name, hasher);
    const to = this.#work === undefined ? undefined : join(this.#work, name);
    if (to !== undefined) Deno.writeFileSync(to, new Uint8Array());
    return (bytes) => {
      hasher.update(bytes);
      if (to !== undefined) Deno.writeFileSync(to, bytes, { append: true });
    };
  }

  /** What came, and the digest of each. */
  digests(): Map<string, Digest> {
    return new Map([...this.#hashers].map(([name, hasher]) => [name, hasher.digest()]));
  }
}
