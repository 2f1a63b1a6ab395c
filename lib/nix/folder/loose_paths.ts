/**
 * The paths that kedge places in a store, or deletes from it, while Nix's database does not know them: what a killed run leaves of them is freed
 * by a prune.
 *
 * Invariants: a path is noted before it is placed, and before its row goes; whoever notes or forgets holds the lock of the folder; a path that
 * is valid, or that a Nix may be placing, is none of them, whatever is noted.
 *
 * @module
 */
import { join } from "@std/path";
import * as v from "valibot";
import { isLockHeld } from "../../base/file_lock.ts";
import { folderNames, lookAt } from "../../base/files.ts";
import type { NixFolder } from "./nix_folder.ts";
import { plainFileInfo, readPlainFile } from "./plain_file.ts";
import { isStoreBaseName } from "../store_path.ts";
import { removeNote, writeNote } from "./write_note.ts";

const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.object({
    baseName: v.pipe(v.string(), v.check(isStoreBaseName, "no store path")),
    narSize: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  })),
);

const notePath = "var/kedge/loose.json";
const largestNoteBytes = 256 * 1024 * 1024;

/** A path that may be in the store and in no row, and the size of its NAR in bytes. */
export type LoosePath = v.InferOutput<typeof schema>[number];

/** Those in one folder. */
export class LoosePaths {
  readonly #folder: NixFolder;

  /** Touches no disk. */
  constructor(folder: NixFolder) {
    this.#folder = folder;
  }

  /**
   * Those that lie in the store and that nobody is placing, and the names of those that were never placed or are gone; `isTaken` says which ones
   * are valid or in use.
   */
  async find(
    isTaken: (baseName: string) => boolean,
  ): Promise<{ loose: LoosePath[]; gone: string[] }> {
    const loose: LoosePath[] = [];
    const gone: string[] = [];
    const noted = await this.#noted();
    const there = new Set(noted.length === 0 ? [] : await folderNames(this.#folder.store));
    for (const each of noted) {
      const { baseName } = each;
      if (isTaken(baseName)) continue;
      if (!there.has(baseName)) gone.push(baseName);
      else if (!await isBeingPlaced(this.#folder, baseName)) loose.push(each);
    }
    return { loose, gone };
  }

  /** Notes what is about to be placed or deleted. */
  async add(paths: readonly LoosePath[]): Promise<void> {
    if (paths.length === 0) return;
    const all = new Map([...await this.#noted(), ...paths].map((each) => [each.baseName, each]));
    await this.#write([...all.values()]);
  }

  /** Forgets what is gone, or came to be valid. */
  async settle(isSettled: (baseName: string) => boolean): Promise<void> {
    const noted = await this.#noted();
    const left = noted.filter(({ baseName }) => !isSettled(baseName));
    if (left.length === 0) await removeNote(this.#folder, notePath);
    else if (left.length < noted.length) await this.#write(left);
  }

  get #path(): string {
    return join(this.#folder.path, notePath);
  }

  async #write(paths: readonly LoosePath[]): Promise<void> {
    const noted = paths.map(({ baseName, narSize }) => ({ baseName, narSize }));
    await writeNote(this.#folder, notePath, JSON.stringify(noted));
  }

  async #noted(): Promise<LoosePath[]> {
    const text = await readPlainFile(this.#path, largestNoteBytes);
    const parsed = v.safeParse(schema, text);
    return parsed.success ? parsed.output : [];
  }
}

/** Whether a Nix holds the lock that it takes before it places a path, and keeps until the path is valid. */
export async function isBeingPlaced(folder: NixFolder, baseName: string): Promise<boolean> {
  const path = `${folder.pathOf(baseName)}.lock`;
  // Hardly ever is there one.
  if (lookAt(path) === undefined) return false;
  return await plainFileInfo(path) !== undefined && isLockHeld(path);
}
