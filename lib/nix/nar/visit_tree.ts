import { delay } from "@std/async";
import { KedgeError } from "../../base/errors.ts";
import type { NarVisitor } from "./nar_verifier.ts";
import { compareBytes } from "../store_path.ts";
import { lookAtNode, targetOf } from "./tree_node.ts";

const bufferBytes = 1024 * 1024;
const yieldEveryBytes = 16 * 1024 * 1024;
/** What opening a file, or looking at something else, costs beside its bytes. */
const bytesEach = 64 * 1024;

/** Takes files that have several names where they are read. */
export interface SharedFileTaker {
  /** Makes a path another name of a file that was kept; `false` where none was: then it is read. */
  link(path: string, info: Deno.FileInfo): boolean;
  /** Told of one that was read. */
  keep(path: string, info: Deno.FileInfo): void;
}

/** Options of {@linkcode visitTree}. */
export interface VisitTreeOptions {
  /** Takes files that have several names. @default {each is read by each} */
  shared?: SharedFileTaker;
  /** Ends the visit. */
  signal?: AbortSignal;
}

/**
 * Tells of a file, a folder or a symlink, and of all that is in it, in the order of a NAR; no symlink is followed. Pieces of contents share one
 * buffer: each is to be used up before the visitor returns. Lets others run now and then.
 *
 * @throws {KedgeError} if something is neither file, folder nor symlink, has no name in UTF-8, or changes while it is read
 */
export async function visitTree(
  path: string,
  visitor: NarVisitor,
  { signal, shared }: VisitTreeOptions = {},
): Promise<void> {
  let workBytes = 0;
  for (const bytes of new TreeWalk(visitor, shared).node(path, "")) {
    signal?.throwIfAborted();
    if ((workBytes += bytes) < yieldEveryBytes) continue;
    workBytes = 0;
    await delay(0);
  }
}

/** A walk that stops after each piece of work, and tells of how many bytes it was. */
class TreeWalk {
  readonly #visitor: NarVisitor;
  readonly #shared: SharedFileTaker | undefined;
  #buffer = new Uint8Array();

  constructor(visitor: NarVisitor, shared: SharedFileTaker | undefined) {
    this.#visitor = visitor;
    this.#shared = shared;
  }

  *node(at: string, path: string): Generator<number, void, void> {
    yield bytesEach;
    const info = lookAtNode(at);
    if (info.isSymlink) this.#visitor.symlink(path, targetOf(at));
    else if (info.isDirectory) {
      this.#visitor.directory(path);
      const names = [...Deno.readDirSync(at)].map(({ name }) => name).sort(compareBytes);
      for (const name of names) {
        yield* this.node(`${at}/${name}`, path === "" ? name : `${path}/${name}`);
      }
    } else if (info.isFile) {
      const shared = (info.nlink ?? 1) > 1 ? this.#shared : undefined;
      if (shared?.link(path, info)) return;
      this.#visitor.file(path, ((info.mode ?? 0) & 0o100) !== 0, info.size);
      if (info.size > 0) yield* this.#contents(at, info.size);
      shared?.keep(path, info);
    } else throw new KedgeError(`Cannot read "${at}": it is neither file, folder nor symlink`);
  }

  *#contents(at: string, size: number): Generator<number, void, void> {
    if (this.#buffer.length < Math.min(bufferBytes, size + 1)) {
      this.#buffer = new Uint8Array(Math.min(bufferBytes, 2 * size + bytesEach));
    }
    using file = Deno.openSync(at);
    for (let left = size;;) {
      // One byte more is asked for, so that most files need no second look for what follows.
      const piece = this.#buffer.subarray(0, left + 1);
      const count = file.readSync(piece) ?? 0;
      if (count > left || (count === 0 && left > 0)) {
        throw new KedgeError(`Cannot read "${at}": it changed while it was read`);
      }
      if (count > 0) this.#visitor.contents(piece.subarray(0, count));
      left -= count;
      if (left === 0 && count < piece.length) return;
      yield count;
    }
  }
}
