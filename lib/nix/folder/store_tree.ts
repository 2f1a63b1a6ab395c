/**
 * Writes the files of one store path, as Nix leaves them: modes 0444 and 0555, every time one second after 1970, owned by whoever writes.
 *
 * Invariants: nothing is written but below the folder that was given, and nothing through a link, though one may be put there meanwhile; no
 * name is written twice; two names that the file system takes for one are an error, as is what lies too deep for a program to name it;
 * folders become read-only only when {@linkcode StoreTree.close} is called.
 *
 * @module
 */
import defer * as fs from "node:fs";
import { basename, dirname, relative } from "@std/path";
import { VerificationError } from "../../base/errors.ts";
import { writeAllSync } from "../../base/files.ts";
import { namePath } from "../../base/name_path.ts";
import { Beneath } from "./beneath.ts";
import { nixStoreDir } from "./nix_folder.ts";
import { NarBuilder } from "../nar/nar_builder.ts";
import type { NarSummary, NarVisitor } from "../nar/nar_verifier.ts";

const epochSeconds = 1;
/** What Linux lets a whole path have. */
const longestPathBytes = 4095;
const encoder = new TextEncoder();
const bufferBytes = 1024 * 1024;

/** Takes the files, folders and symlinks of one store path in any order in which a folder comes before what is in it. */
export class StoreTree implements NarVisitor, Disposable {
  /** Where the path is written. */
  readonly root: string;
  #kinds = new Map<string, "file" | "directory" | "symlink">();
  #nar = new NarBuilder();
  #mostBytes: number;
  readonly #beneath: Beneath;
  readonly #path: string;
  readonly #owned: Beneath | undefined;
  /** Whether files lack bits of a mode once they are made. */
  readonly #masked = new Map<number, boolean>();
  #bytes = 0;
  #file: { handle: Deno.FsFile; left: number; path: string } | undefined;

  /**
   * Writes nothing yet; the folder of `root` must be there, `root` itself must not.
   *
   * @param mostBytes what its files may have together, so that what unpacks to more than was said fills no disk
   * @param beneath names what lies in a folder above `root`; that which `root` lies in by default
   */
  constructor(root: string, mostBytes = Infinity, beneath?: Beneath) {
    this.root = root;
    this.#mostBytes = mostBytes;
    this.#owned = beneath === undefined ? new Beneath(dirname(root)) : undefined;
    this.#beneath = beneath ?? this.#owned!;
    this.#path = beneath === undefined ? basename(root) : relative(beneath.root, root);
  }

  directory(path: string): void {
    if (this.#kinds.get(path) === "directory") return;
    this.#claim(path, "directory");
    this.#new(path, (at) => Deno.mkdirSync(at, { mode: 0o755 }));
    this.#nar.directory(path);
  }

  file(path: string, executable: boolean, size: number): void {
    this.#claim(path, "file");
    this.#bytes += size;
    if (this.#bytes > this.#mostBytes) {
      throw new VerificationError(
        `Cannot write "${this.root}": its files have more than the ${this.#mostBytes} bytes that it is to have`,
      );
    }
    const mode = executable ? 0o555 : 0o444;
    const handle = this.#new(
      path,
      (at) => Deno.openSync(at, { write: true, createNew: true, mode }),
    );
    this.#file = { handle, left: size, path };
    this.#settleMode(path, handle, mode);
    this.#nar.file(path, executable, size);
    if (size === 0) this.#endFile();
  }

  contents(bytes: Uint8Array): void {
    const file = this.#file;
    if (file === undefined || bytes.length > file.left) {
      throw new VerificationError(`Cannot write "${this.root}": contents come without their file`);
    }
    try {
      writeAllSync(file.handle, bytes);
    } catch (error) {
      throw namePath(error, this.#at(file.path));
    }
    this.#nar.contents(bytes);
    file.left -= bytes.length;
    if (file.left === 0) this.#endFile();
  }

  symlink(path: string, target: string): void {
    this.#claim(path, "symlink");
    this.#new(path, (at) => {
      Deno.symlinkSync(target, at);
      fs.lutimesSync(at, epochSeconds, epochSeconds);
    });
    this.#nar.symlink(path, target);
  }

  /** Another name of a file that is somewhere on the same file system already, with the same mode and time. */
  link(path: string, existing: string): void {
    this.#claim(path, "file");
    try {
      this.#new(path, (at) => {
        Deno.linkSync(existing, at);
        this.#hash(path, at);
      });
    } catch (error) {
      this.#kinds.delete(path);
      throw error;
    }
  }

  /** Gives a file that was written another name, somewhere on the same file system. */
  giveName(path: string, name: string): void {
    this.#beneath.use(below(this.#path, path), (at) => Deno.linkSync(at, name));
  }

  /** Moves a file that is somewhere on the same file system already into the place of one that was written. */
  replace(path: string, existing: string): void {
    this.#beneath.use(below(this.#path, path), (at) => Deno.renameSync(existing, at));
    this.#nar.giveUp();
  }

  /** Where a file of this path lies that was written already; `undefined` for anything else. */
  written(path: string): string | undefined {
    return this.#kinds.get(path) === "file" ? this.#at(path) : undefined;
  }

  /** What was written at a path. */
  kind(path: string): "file" | "directory" | "symlink" | undefined {
    return this.#kinds.get(path);
  }

  /** Whether so many bytes more are not too many. */
  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#mostBytes;
  }

  /** Whether anything was written yet. */
  get isEmpty(): boolean {
    return this.#kinds.size === 0;
  }

  /** Makes the folders read-only, the topmost one excepted: a read-only folder cannot be moved by everybody. */
  close(): void {
    const folders = [...this.#kinds].filter(([, kind]) => kind === "directory");
    for (const [path] of folders.reverse()) {
      const bits = path === "" ? {} : { mode: 0o555 };
      this.#beneath.settleFolder(below(this.#path, path), { ...bits, seconds: epochSeconds });
    }
  }

  /** Says that somebody else hashes what is written. */
  hashedElsewhere(): void {
    this.#nar.giveUp();
  }

  /** Hash and size of its NAR, as it was written; `undefined` if it did not come in the order of a NAR. */
  summary(): NarSummary | undefined {
    return this.#nar.end();
  }

  /** Closes a file that was not written to its end. */
  [Symbol.dispose](): void {
    this.#closeFile();
    this.#owned?.[Symbol.dispose]();
  }

  /** Hashes a file as it lies there, unless the whole is to be hashed afterwards anyway. */
  #hash(path: string, at: string): void {
    if (!this.#nar.isOrdered) return;
    using file = Deno.openSync(at);
    const { mode, size } = file.statSync();
    this.#nar.file(path, ((mode ?? 0) & 0o100) !== 0, size);
    const buffer = new Uint8Array(Math.min(size, bufferBytes));
    for (let left = size; left > 0 && this.#nar.isOrdered;) {
      const count = file.readSync(buffer.subarray(0, left)) ?? 0;
      if (count === 0) return this.#nar.giveUp();
      this.#nar.contents(buffer.subarray(0, count));
      left -= count;
    }
  }

  /** Gives a file the bits that a umask, or what a folder hands down to what is made in it, took away: builders of Nix are users of their own. */
  #settleMode(path: string, handle: Deno.FsFile, mode: number): void {
    let isMasked = this.#masked.get(mode);
    if (isMasked === undefined) {
      const made = handle.statSync().mode;
      isMasked = made !== null && (made & 0o777) !== mode;
      this.#masked.set(mode, isMasked);
    }
    if (isMasked) this.#beneath.settleFile(below(this.#path, path), mode);
  }

  #endFile(): void {
    this.#file!.handle.utimeSync(epochSeconds, epochSeconds);
    this.#closeFile();
  }

  #closeFile(): void {
    this.#file?.handle.close();
    this.#file = undefined;
  }

  #claim(path: string, kind: "file" | "directory" | "symlink"): void {
    const refuse = (state: string) =>
      new VerificationError(`Cannot write ${JSON.stringify(path)} of "${this.root}": ${state}`);
    if (this.#file !== undefined) throw refuse(`"${this.#file.path}" is not whole yet`);
    if (this.#kinds.has(path)) throw refuse("it comes twice");
    const bytes = bytesInStore(basename(this.root), path);
    if (bytes > longestPathBytes) throw refuse(`its path has ${bytes} bytes, more than a path can`);
    const cut = path.lastIndexOf("/");
    const above = path === "" ? "directory" : this.#kinds.get(cut < 0 ? "" : path.slice(0, cut));
    if (above !== "directory") throw refuse(`it lies in ${above ?? "no folder"}`);
    this.#kinds.set(path, kind);
  }

  #new<T>(path: string, make: (at: string) => T): T {
    try {
      return this.#beneath.use(below(this.#path, path), make);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
      throw new VerificationError(
        `Cannot write "${this.#at(path)}": the file system takes it for another name`,
        { cause, hint: "use a file system that tells upper from lower case" },
      );
    }
  }

  #at(path: string): string {
    return below(this.root, path);
  }
}

/** How long the name of a path is where the folder is mounted, as Nix there names it. */
function bytesInStore(baseName: string, path: string): number {
  return encoder.encode(below(`${nixStoreDir}/${baseName}`, path)).length;
}

function below(folder: string, path: string): string {
  return path === "" ? folder : `${folder}/${path}`;
}
