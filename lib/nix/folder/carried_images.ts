/**
 * What is noted, in a folder that is mounted as `/nix`, of the images whose stores were carried into it.
 *
 * Invariants: the note of an image is written after all that it speaks of, and in one rename; it alone says that the store of the image is
 * there; the pointer to the image that profiles follow is written after the note. A container may have written anything there: a note that says
 * nothing is as good as none for its own image, and nobody else takes it for gone.
 *
 * @module
 */
import { join } from "@std/path";
import * as v from "valibot";
import type { Digest } from "../../base/digest.ts";
import { digestHex, isDigest } from "../../base/digest_text.ts";
import { folderNames } from "../../base/files.ts";
import type { NixFolder } from "./nix_folder.ts";
import { readPlainFile } from "./plain_file.ts";
import { isStoreBaseName } from "../store_path.ts";
import type { StoreRow } from "./store_row.ts";
import { removeNote, writeNote } from "./write_note.ts";

const baseName = v.pipe(v.string(), v.check(isStoreBaseName, "no store path"));

const schema = v.looseObject({
  digest: v.custom<Digest>(
    (data) => typeof data === "string" && isDigest(data),
    "its digest is none",
  ),
  nixVersion: v.string(),
  platform: v.string(),
  paths: v.array(baseName),
  /** When each became valid, in seconds since 1970. */
  registeredSeconds: v.exactOptional(v.array(v.number())),
  links: v.array(v.object({ path: v.string(), target: v.string() })),
  usedMs: v.pipe(v.number(), v.safeInteger()),
});

const imagesFolder = "var/kedge/images";
const largestPointerBytes = 1024;
/** Some two million paths. */
const largestNoteBytes = 256 * 1024 * 1024;

/** What is noted of an image. */
export type CarriedImage = v.InferOutput<typeof schema>;

/** The paths of an image that are valid as they were when it was noted: one that a Nix deleted, and made valid again, is that Nix's. */
export function ownPaths(
  { paths, registeredSeconds: noted }: CarriedImage,
  valid: ReadonlyMap<string, StoreRow>,
): string[] {
  if (noted === undefined) return paths;
  return paths.filter((name, i) => valid.get(name)?.registeredSeconds === noted[i]);
}

/** A note that says nothing of its image. */
export interface UnreadableNote {
  /** The image that it should speak of. */
  digest: Digest;
  /** The file. */
  path: string;
  /** What is wrong with it. */
  state: string;
}

/** The notes in one folder. */
export class CarriedImages {
  readonly #folder: NixFolder;

  /** Touches no disk. */
  constructor(folder: NixFolder) {
    this.#folder = folder;
  }

  /** The note of an image; `undefined` if its store was not carried here, or not wholly, or the note says nothing. */
  async find(digest: Digest): Promise<CarriedImage | undefined> {
    return (await read(this.#path(digest), digest)).image;
  }

  /** All images that are noted, those used last first, and the notes that say nothing. */
  async all(): Promise<{ images: CarriedImage[]; unreadable: UnreadableNote[] }> {
    const images: CarriedImage[] = [];
    const unreadable: UnreadableNote[] = [];
    for (const name of await folderNames(join(this.#folder.notes, "images"))) {
      const digest = `sha256:${name.slice(0, -".json".length)}`;
      if (!isDigest(digest) || notePath(digest) !== `${imagesFolder}/${name}`) continue;
      const { image, state } = await read(this.#path(digest), digest);
      if (image !== undefined) images.push(image);
      if (state !== undefined) unreadable.push({ digest, path: this.#path(digest), state });
    }
    images.sort((a, b) => b.usedMs - a.usedMs || (a.digest < b.digest ? -1 : 1));
    return { images, unreadable };
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
    await removeNote(this.#folder, notePath(digest));
  }

  #path(digest: Digest): string {
    return join(this.#folder.path, notePath(digest));
  }
}

function notePath(digest: Digest): string {
  return `${imagesFolder}/${digestHex(digest)}.json`;
}

/** What a note says, or why it says nothing; neither where there is none. */
async function read(
  path: string,
  digest: Digest,
): Promise<{ image?: CarriedImage; state?: string }> {
  const text = await readPlainFile(path, largestNoteBytes);
  if (text === undefined) return {};
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!parsed.success) return { state: parsed.issues[0].message };
  const image = parsed.output;
  return image.digest === digest ? { image } : { state: "it speaks of another image" };
}
