/**
 * Files of which a source has several names, in one store path or in many, by what tells them apart there, so that what is copied of them is one
 * file too, whoever copies it.
 *
 * Invariants: what a path is linked to was written here, whole, and is hashed anew as part of that path; nothing is named outside the folder;
 * where no link can be made, each name is a file of its own.
 *
 * @module
 */
import { join, relative } from "@std/path";
import { KedgeError } from "../base/errors.ts";
import { Beneath } from "../nix/folder/beneath.ts";
import type { StoreTree } from "../nix/folder/store_tree.ts";
import type { SharedFileTaker } from "../nix/nar/visit_tree.ts";

/** Keeps them below a folder for work, until that goes. */
export class SharedFiles implements Disposable {
  readonly #beneath: Beneath;
  readonly #path: string;

  /**
   * Makes the folder where they are kept, unless another thread has.
   *
   * @param folder what is mounted as `/nix`
   * @param work a folder in it
   */
  constructor(folder: string, work: string) {
    using opened = new DisposableStack();
    this.#beneath = opened.use(new Beneath(folder));
    this.#path = relative(folder, join(work, "shared"));
    this.#beneath.makeFolder(this.#path);
    opened.move();
  }

  /** Takes those of a tree that is being written. */
  within(tree: StoreTree): SharedFileTaker {
    return {
      link: (path, info) => this.#use(info, (kept) => tree.link(path, kept)),
      keep: (path, info) => {
        const isNew = this.#use(info, (name) => tree.giveName(path, name));
        if (isNew) return;
        // Another thread may have written the same file meanwhile.
        this.#use(info, (kept) => {
          const name = `${kept}-${crypto.randomUUID()}`;
          Deno.linkSync(kept, name);
          tree.replace(path, name);
        });
      },
    };
  }

  /** Closes what is open. */
  [Symbol.dispose](): void {
    this.#beneath[Symbol.dispose]();
  }

  /** Does something by the name of a file; `false` where the system lets it not be done. */
  #use({ dev, ino }: Deno.FileInfo, run: (name: string) => void): boolean {
    // Where a number has more digits than it is told with, it may be that of another file.
    if (ino === null || !Number.isSafeInteger(ino)) return false;
    try {
      this.#beneath.use(`${this.#path}/${dev}-${ino}`, run);
      return true;
    } catch (error) {
      if (error instanceof KedgeError) throw error;
      return false;
    }
  }
}
