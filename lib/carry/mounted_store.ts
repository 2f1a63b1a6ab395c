/**
 * The Nix store of an image whose files an engine shows in a folder: all layers as one tree.
 *
 * Invariants: nothing is read from outside the folder: what lies on the way to a store path, to the database or to a link must be a folder in
 * it, and no symlink is followed; a path counts once its NAR, as it was written, is the one that the image's database names; links
 * count only if that database was still there after they were read. What a layer alone holds is not learned here.
 *
 * @module
 */
import { join } from "@std/path";
import { VerificationError } from "../base/errors.ts";
import { isNotThere, lookAt } from "../base/files.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { TarContents } from "../base/tar_reader.ts";
import type { NarVisitor } from "../nix/nar/nar_verifier.ts";
import { type NixLink, readLinks } from "../nix/folder/nix_links.ts";
import { visitTree, type VisitTreeOptions } from "../nix/nar/visit_tree.ts";
import { CopyCrew } from "./copy_crew.ts";
import { DatabaseFiles, databaseFiles, databaseFolder, type ImageStore } from "./database_files.ts";
import { MergedDatabase } from "./merged_database.ts";
import { noDatabase } from "./no_database.ts";
import { SharedFiles } from "./shared_files.ts";
import type { StoreSource, Unpacked, UnpackOptions } from "./store_source.ts";

const stateFolder = "nix/var/nix";

/** Reads the files of one image. */
export class MountedStore implements StoreSource {
  readonly #name: string;
  readonly #root: string;

  /** Takes what errors call the image, and the folder that shows its root. */
  constructor(name: string, root: string) {
    this.#name = name;
    this.#root = root;
  }

  /**
   * Whether the database is to be seen: it is not where the folder is another machine's.
   *
   * @throws {VerificationError} if something else stands where a folder must be
   */
  isThere(): boolean {
    const folder = this.#folder(databaseFolder.slice(0, -1));
    return folder !== undefined && lookAt(join(folder, "db.sqlite")) !== undefined;
  }

  async survey(work: string, signal: AbortSignal): Promise<ImageStore> {
    const image = await (await this.#database(signal, work)).read(work);
    if (image === undefined) throw noDatabase(this.#name);
    return image;
  }

  requestsToRead(): Promise<number> {
    return Promise.resolve(0);
  }

  /** Copies all that is wanted, what takes longest first; what the threads cannot copy is copied here. */
  async unpack(options: UnpackOptions): Promise<Unpacked> {
    const { taker, database, wanted, folder, work, threads, signal } = options;
    const from = this.#folder("nix/store");
    if (from !== undefined) {
      await using crew = new CopyCrew({ from, folder, work, threads });
      const paths = wanted.toSorted((a, b) => b.narSize - a.narSize);
      await inParallel(paths, crew.concurrency, signal, async (path, signal) => {
        const whole = await crew.copy(path, signal);
        if (whole !== undefined) await taker.adopt(path.baseName, whole);
      });
    }
    const left = wanted.filter(({ baseName }) => taker.wants(baseName));
    using shared = left.length === 0 ? undefined : new SharedFiles(folder, work);
    for (const { baseName } of left) {
      try {
        if (from !== undefined) {
          const tree = taker.tree(baseName);
          const options = { signal, shared: shared!.within(tree) };
          await this.#copy(join(from, baseName), tree, options);
        }
        await taker.place(baseName, signal);
      } catch (cause) {
        throw this.#withAdvice(cause);
      }
    }
    const links = await this.#links();
    // Links that go while they are looked for are missed without an error.
    if ((await this.#database(signal)).digest() !== database) throw this.#changed();
    return { links, layerBytes: 0, isStale: false };
  }

  /** Reads the files of the database, into a folder or only to tell them from others. */
  async #database(signal: AbortSignal, work?: string): Promise<MergedDatabase> {
    const folder = this.#folder(databaseFolder.slice(0, -1));
    const files = new DatabaseFiles(work);
    for (const name of folder === undefined ? [] : databaseFiles) {
      const path = join(folder!, name);
      if (lookAt(path) !== undefined) await visitTree(path, taking(files, name), { signal });
    }
    const merged = new MergedDatabase();
    const digests = files.digests();
    merged.pass({ databaseFiles: [...digests.keys()], hidden: [] }, digests);
    return merged;
  }

  /** What to do where a path is not what it must be. */
  #withAdvice(cause: unknown): unknown {
    if (!(cause instanceof VerificationError) || cause.hint !== undefined) return cause;
    if (!this.isThere()) return this.#changed(cause);
    const { message, data } = cause;
    const hint =
      `the files of "${this.#name}" are not those that its database names; remove that image, so that it is brought anew`;
    return new VerificationError(message, { cause, data, side: "source", hint });
  }

  #changed(cause?: unknown): VerificationError {
    return new VerificationError(
      `Cannot use "${this.#name}": its files changed while they were read`,
      {
        cause,
        side: "source",
        hint: "was the image removed or unmounted meanwhile? Run the same command again",
      },
    );
  }

  async #copy(path: string, tree: NarVisitor, options: VisitTreeOptions): Promise<void> {
    if (lookAt(path) === undefined) return;
    try {
      await visitTree(path, tree, options);
    } catch (cause) {
      if (!isNotThere(cause) || lookAt(path) !== undefined) throw cause;
      throw new VerificationError(`Cannot read "${path}": it was removed while it was read`, {
        cause,
        side: "source",
        hint: "was the image removed meanwhile? Run the same command again",
      });
    }
  }

  async #links(): Promise<NixLink[]> {
    const state = this.#folder(stateFolder);
    const links: NixLink[] = [];
    for (const below of state === undefined ? [] : ["gcroots", "profiles"]) {
      if (lookAt(join(state!, below))?.isDirectory) links.push(...await readLinks(state!, below));
    }
    return links;
  }

  /** A folder below the root that lies behind no link; `undefined` if nothing is there. */
  #folder(path: string): string | undefined {
    let at = this.#root;
    for (const part of path.split("/")) {
      at = join(at, part);
      const info = lookAt(at);
      if (info === undefined) return undefined;
      if (info.isDirectory) continue;
      throw new VerificationError(
        `Cannot read the store of "${this.#name}": "${at}" is not a folder`,
        {
          side: "source",
          hint: "a link there could lead out of the image; an image of Nix has folders there",
        },
      );
    }
    return at;
  }
}

/** Takes a file of the database; anything else is refused. */
function taking(files: DatabaseFiles, name: string): NarVisitor {
  const path = databaseFolder + name;
  let contents: TarContents | undefined;
  return {
    directory: () => void files.take({ path, type: "directory", size: 0 }),
    symlink: () => void files.take({ path, type: "symlink", size: 0 }),
    file: (_path, _executable, size) => contents = files.take({ path, type: "file", size }),
    contents: (bytes) => contents?.(bytes),
  };
}
