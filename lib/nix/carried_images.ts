/**
 * What is noted, in a folder that is mounted as `/nix`, of the images whose stores were carried into it.
 *
 * Invariants: the note of an image is written after all that it speaks of, and in one rename; it alone says that the store of the image is
 * there; the pointer to the image that profiles follow is written after the note.
 *
 * @module
 */
import { join } from "@std/path";
import * as v from "valibot";
import { removeIfThere } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { digestHex, isDigest } from "../base/digest_text.ts";
import { VerificationError } from "../base/errors.ts";
import { folderNames } from "../base/files.ts";
import type { NixFolder } from "./nix_folder.ts";
import { readPlainFile } from "./plain_file.ts";
import { isStoreBaseName } from "./store_path.ts";
import { writeNote } from "./write_note.ts";

const baseName = v.pipe(v.string(), v.check(isStoreBaseName, "no store path"));

const schema = v.looseObject({
  digest: v.custom<Digest>((data) => typeof data === "string" && isDigest(data)),
  nixVersion: v.string(),
  platform: v.string(),
  paths: v.array(baseName),
  links: v.array(v.object({ path: v.string(), target: v.string() })),
  usedMs: v.pipe(v.number(), v.safeInteger()),
});

const largestPointerBytes = 1024;
/** Some two million paths. */
const largestNoteBytes = 256 * 1024 * 1024;

/** What is noted of an image. */
export type CarriedImage = v.InferOutput<typeof schema>;

/** The notes in one folder. */
export class CarriedImages {
  readonly #folder: NixFolder;

  /** Touches no disk. */
  constructor(folder: NixFolder) {
    this.#folder = folder;
  }

  /** The note of an image; `undefined` if its store was not carried here, or not wholly. */
  async find(digest: Digest): Promise<CarriedImage | undefined> {
    return await read(this.#path(digest));
  }

  /** All notes, those used last first. */
  async all(): Promise<CarriedImage[]> {
    const found: CarriedImage[] = [];
    for (const name of await folderNames(join(this.#folder.notes, "images"))) {
      if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
      const image = await read(join(this.#folder.notes, "images", name));
      if (image !== undefined) found.push(image);
    }
    return found.sort((a, b) => b.usedMs - a.usedMs || (a.digest < b.digest ? -1 : 1));
  }

  /** The image that profiles follow. */
  async current(): Promise<Digest | undefined> {
    const text = await readPlainFile(join(this.#folder.notes, "current"), largestPointerBytes);
    return text !== undefined && isDigest(text) ? text : undefined;
  }

  /** Notes an image. */
  async put(image: CarriedImage): Promise<void> {
    await writeNote(this.#folder, notePath(image.digest), JSON.stringify(image));
  }

  /** Notes which image profiles follow. */
  async point(digest: Digest): Promise<void> {
    await writeNote(this.#folder, "var/kedge/current", digest);
  }

  /** Takes the note of an image away. */
  async remove(digest: Digest): Promise<void> {
    await removeIfThere(this.#path(digest));
  }

  #path(digest: Digest): string {
    return join(this.#folder.path, notePath(digest));
  }
}

function notePath(digest: Digest): string {
  return `var/kedge/images/${digestHex(digest)}.json`;
}

async function read(path: string): Promise<CarriedImage | undefined> {
  const text = await readPlainFile(path, largestNoteBytes);
  if (text === undefined) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (parsed.success) return parsed.output;
  throw new VerificationError(`Cannot read "${path}": ${parsed.issues[0].message}`, {
    hint: "remove that file: the store is then looked through again",
  });
}
