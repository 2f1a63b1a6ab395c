/**
 * Valid paths of which something is noted that no image's note tells.
 *
 * `orphans` are those that stayed of images that a prune let go of, since something else needed them: nothing but this tells later that they
 * may go. `built` are those that were valid before an image came which has them too: they are whoever's who built or copied them there, and
 * no prune frees them.
 *
 * Invariants: an orphan is noted before the note of its image goes, and until its row is gone; what was built is noted before anything tells of
 * the image that has it too; whoever notes holds the lock of the folder; a path that a Nix deleted and made valid again is none of them,
 * whatever is noted.
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

const largestNoteBytes = 256 * 1024 * 1024;

/** A path, and when it became valid, in seconds since 1970. */
export type NotedPath = v.InferOutput<typeof schema>[number];

/** What is noted of a path, by its row. */
export function notedPath({ storePath: { baseName }, registeredSeconds }: StoreRow): NotedPath {
  return { baseName, registeredSeconds };
}

/** Those in one folder. */
export class NotedPaths {
  readonly #folder: NixFolder;
  readonly #below: string;

  /** Touches no disk. */
  constructor(folder: NixFolder, what: "orphans" | "built") {
    this.#folder = folder;
    this.#below = `var/kedge/${what}.json`;
  }

  /** The names of those that are valid as they were when they were noted; none where the note says nothing. */
  async names(valid: ReadonlyMap<string, StoreRow>): Promise<string[]> {
    const noted = await this.#noted();
    return noted.filter(({ baseName, registeredSeconds }) =>
      valid.get(baseName)?.registeredSeconds === registeredSeconds
    ).map(({ baseName }) => baseName);
  }

  /** Notes which ones there are, in the place of what was noted. */
  async put(paths: readonly NotedPath[]): Promise<void> {
    const text = textOf(paths);
    if (text === textOf(await this.#noted())) return;
    if (paths.length === 0) await removeNote(this.#folder, this.#below);
    else await writeNote(this.#folder, this.#below, text);
  }

  async #noted(): Promise<NotedPath[]> {
    const parsed = v.safeParse(schema, await readPlainFile(this.#path, largestNoteBytes));
    return parsed.success ? parsed.output : [];
  }

  get #path(): string {
    return join(this.#folder.path, this.#below);
  }
}

function textOf(paths: readonly NotedPath[]): string {
  const sorted = paths.toSorted((a, b) => a.baseName < b.baseName ? -1 : 1);
  return JSON.stringify(
    sorted.map(({ baseName, registeredSeconds }) => ({ baseName, registeredSeconds })),
  );
}
