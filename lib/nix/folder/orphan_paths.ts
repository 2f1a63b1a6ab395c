/**
 * The paths that stayed of images that a prune let go of, since something else needed them: nothing but this tells later that they may go.
 *
 * Invariants: a path is noted before the note of its image goes, and until its row is gone; whoever notes holds the lock of the folder; a
 * path that an image has which stays, or that something needs, is not freed, whatever is noted, nor is one that a Nix deleted and made valid again.
 *
 * @module
 */
import { join } from "@std/path";
import * as v from "valibot";
import type { NixFolder } from "./nix_folder.ts";
import { readPlainFile } from "./plain_file.ts";
import { isStoreBaseName } from "../store_path.ts";
import type { StoreRow } from "./store_row.ts";
import { removeNote, writeNote } from "./write_note.ts";

const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.object({
    baseName: v.pipe(v.string(), v.check(isStoreBaseName, "no store path")),
    registeredSeconds: v.number(),
  })),
);

const notePath = "var/kedge/orphans.json";
const largestNoteBytes = 256 * 1024 * 1024;

/** A path that only images had which are gone, and when it became valid, in seconds since 1970. */
export type OrphanPath = v.InferOutput<typeof schema>[number];

/** The orphan that the row of a path would be. */
export function orphanOf({ storePath: { baseName }, registeredSeconds }: StoreRow): OrphanPath {
  return { baseName, registeredSeconds };
}

/** Those in one folder. */
export class OrphanPaths {
  readonly #folder: NixFolder;

  /** Touches no disk. */
  constructor(folder: NixFolder) {
    this.#folder = folder;
  }

  /** The names of those that are valid as they were when they were noted; none where the note says nothing. */
  async names(valid: ReadonlyMap<string, StoreRow>): Promise<string[]> {
    const noted = await this.#noted();
    return noted.filter(({ baseName, registeredSeconds }) =>
      valid.get(baseName)?.registeredSeconds === registeredSeconds
    ).map(({ baseName }) => baseName);
  }

  /** Notes which ones there are, in the place of what was noted. */
  async put(paths: readonly OrphanPath[]): Promise<void> {
    const text = textOf(paths);
    if (text === textOf(await this.#noted())) return;
    if (paths.length === 0) await removeNote(this.#folder, notePath);
    else await writeNote(this.#folder, notePath, text);
  }

  async #noted(): Promise<OrphanPath[]> {
    const parsed = v.safeParse(schema, await readPlainFile(this.#path, largestNoteBytes));
    return parsed.success ? parsed.output : [];
  }

  get #path(): string {
    return join(this.#folder.path, notePath);
  }
}

function textOf(paths: readonly OrphanPath[]): string {
  const sorted = paths.toSorted((a, b) => a.baseName < b.baseName ? -1 : 1);
  return JSON.stringify(
    sorted.map(({ baseName, registeredSeconds }) => ({ baseName, registeredSeconds })),
  );
}
