/**
 * The paths that stayed of images that a prune let go of, since something else needed them: nothing but this tells later that they may go.
 *
 * Invariants: a path is noted before the note of its image goes, and until its row is gone; whoever notes holds the lock of the folder; a
 * path that an image has which stays, or that something needs, is not freed, whatever is noted.
 *
 * @module
 */
import { join } from "@std/path";
import * as v from "valibot";
import { removeIfThere } from "../base/atomic_file.ts";
import type { NixFolder } from "./nix_folder.ts";
import { readPlainFile } from "./plain_file.ts";
import { isStoreBaseName } from "./store_path.ts";
import { writeNote } from "./write_note.ts";

const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.pipe(v.string(), v.check(isStoreBaseName, "no store path"))),
);

const notePath = "var/kedge/orphans.json";
const largestNoteBytes = 256 * 1024 * 1024;

/** Those in one folder. */
export class OrphanPaths {
  readonly #folder: NixFolder;

  /** Touches no disk. */
  constructor(folder: NixFolder) {
    this.#folder = folder;
  }

  /** Their base names; none where the note says nothing. */
  async all(): Promise<string[]> {
    const parsed = v.safeParse(schema, await readPlainFile(this.#path, largestNoteBytes));
    return parsed.success ? parsed.output : [];
  }

  /** Notes which ones there are, in the place of what was noted. */
  async put(baseNames: readonly string[]): Promise<void> {
    const names = [...baseNames].sort();
    if (names.join() === (await this.all()).join()) return;
    if (names.length === 0) await removeIfThere(this.#path);
    else await writeNote(this.#folder, notePath, JSON.stringify(names));
  }

  get #path(): string {
    return join(this.#folder.path, notePath);
  }
}
