/**
 * Hashes the NAR of what is being written, while it is written, as long as it comes in the order of a NAR.
 *
 * Invariants: a summary is given only of a whole NAR; whatever comes out of order makes it `undefined`, never wrong.
 *
 * @module
 */
import { narWords, padded } from "./nar_pieces.ts";
import type { NarSummary, NarVisitor } from "./nar_verifier.ts";
import { NarWriter } from "./nar_writer.ts";
import { compareBytes } from "../store_path.ts";

interface OpenFolder {
  path: string;
  last: string | undefined;
}

/** Takes files, folders and symlinks, each folder before what is in it. */
export class NarBuilder implements NarVisitor {
  #writer = new NarWriter();
  #folders: OpenFolder[] = [];
  #left = 0;
  #padding = 0;
  #begun = false;
  #isOrdered = true;

  directory(path: string): void {
    if (!this.#enter(path)) return;
    this.#writer.bytes(narWords.directory);
    this.#folders.push({ path, last: undefined });
  }

  file(path: string, executable: boolean, size: number): void {
    if (!this.#enter(path)) return;
    this.#writer.bytes(narWords.regular);
    if (executable) this.#writer.bytes(narWords.executable);
    this.#writer.bytes(narWords.contents);
    this.#writer.length(size);
    this.#left = size;
    this.#padding = padded(size) - size;
    if (size === 0) this.#leave(path);
  }

  contents(bytes: Uint8Array): void {
    if (!this.#isOrdered) return;
    this.#writer.bytes(bytes);
    this.#left -= bytes.length;
    if (this.#left > 0) return;
    this.#writer.zeros(this.#padding);
    this.#leave(this.#folders.length === 0 ? "" : "x");
  }

  symlink(path: string, target: string): void {
    if (!this.#enter(path)) return;
    this.#writer.bytes(narWords.symlink);
    this.#writer.string(target);
    this.#leave(path);
  }

  /** Says that something came which cannot be hashed on the way. */
  giveUp(): void {
    this.#isOrdered = false;
  }

  /** Whether all that came until now can be hashed. */
  get isOrdered(): boolean {
    return this.#isOrdered;
  }

  /** Hash and size of the whole, once all was taken; `undefined` if it did not come in order. */
  end(): NarSummary | undefined {
    if (!this.#isOrdered || !this.#begun || this.#left > 0) return undefined;
    while (this.#folders.length > 0) this.#leaveFolder();
    this.#isOrdered = false;
    return this.#writer.summary();
  }

  /** Begins an entry; `false` if the NAR has gone past its place. */
  #enter(path: string): boolean {
    if (!this.#isOrdered) return false;
    if (path === "") {
      this.#isOrdered = !this.#begun;
      if (this.#isOrdered) this.#writer.bytes(narWords.magic);
      this.#begun = true;
      return this.#isOrdered;
    }
    const cut = path.lastIndexOf("/");
    const above = cut < 0 ? "" : path.slice(0, cut);
    const name = path.slice(cut + 1);
    while (this.#folders.length > 0 && this.#folders.at(-1)!.path !== above) this.#leaveFolder();
    const folder = this.#folders.at(-1);
    const isNext = folder !== undefined && this.#left <= 0 &&
      (folder.last === undefined || compareBytes(folder.last, name) < 0);
    if (!isNext) return this.#isOrdered = false;
    folder.last = name;
    this.#writer.bytes(narWords.entry);
    this.#writer.string(name);
    this.#writer.bytes(narWords.node);
    return true;
  }

  #leaveFolder(): void {
    const { path } = this.#folders.pop()!;
    this.#leave(path);
  }

  /** Ends a node, and the entry that it is of. */
  #leave(path: string): void {
    this.#writer.bytes(narWords.close);
    if (path !== "") this.#writer.bytes(narWords.close);
  }
}
