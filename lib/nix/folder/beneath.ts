/**
 * Names for what lies below a folder in which a container may put a link at any moment.
 *
 * Invariants: the folder itself is believed; each folder below it is opened behind no link, and kept open while a name in it is used, so that
 * what is done by that name is done there and nowhere else, whatever is put in the place of a folder meanwhile; the last part of a name may
 * be a link, which whoever uses the name must not follow. Where Deno lets no names below `/proc` through, or the system has none, names are
 * plain paths.
 *
 * @module
 */
import defer * as fs from "node:fs";
import { dirname } from "@std/path";
import { allIsGranted } from "../../base/all_granted.ts";
import { codeOf, VerificationError } from "../../base/errors.ts";
import { isFailingDisk } from "../../base/failing_disk.ts";
import { namePath } from "../../base/name_path.ts";

/** What an open says where no folder stands. */
const others = ["ELOOP", "ENOTDIR"];
/** What setting permission bits says where a file system has none. */
const noModes = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** Linux's `O_PATH`, on all machines that Deno runs on: what is opened may be gone through, and not listed. */
const passOnly = 0o10000000;

/** What all may do with a folder that is made. */
const folderMode = 0o755;

let namesOpenFiles: boolean | undefined;

function canNameOpenFiles(): boolean {
  return namesOpenFiles ??= Deno.build.os === "linux" && allIsGranted();
}

/** Gives the names; whoever asks for one uses it before the next is asked for. */
export class Beneath implements Disposable {
  /** The folder. */
  readonly root: string;
  /** The folders that are open, each in the one before it, by their paths below the root. */
  readonly #open: { path: string; descriptor: number }[] = [];

  /** Opens nothing yet. */
  constructor(root: string) {
    this.root = root;
  }

  /**
   * Does something by the name of what lies, or is to lie, at a path below the folder; the folders above it must be there.
   *
   * @throws {VerificationError} if something else stands where a folder must be
   */
  use<T>(path: string, run: (name: string) => T): T {
    const name = this.#nameOf(path);
    const plain = `${this.root}/${path}`;
    const told = (error: unknown) => {
      // What is made beside it is named too.
      const [folder, plainFolder] = [dirname(name), dirname(plain)];
      if (error instanceof Error) {
        error.message = error.message.replaceAll(name, () => plain)
          .replaceAll(`${folder}/`, () => `${plainFolder}/`);
      }
      return isFailingDisk(error) ? namePath(error, plain) : error;
    };
    try {
      const result = run(name);
      if (!(result instanceof Promise)) return result;
      return result.catch((error) => {
        throw told(error);
      }) as T;
    } catch (error) {
      throw told(error);
    }
  }

  /** Makes a folder, and those above it, where there is none, for all to look into; one that is empty may be left of who was killed meanwhile. */
  makeFolder(path: string): void {
    for (let end = 0; end >= 0;) {
      end = path.indexOf("/", end + 1);
      const each = end < 0 ? path : path.slice(0, end);
      const isNew = this.use(each, (name) => {
        try {
          Deno.mkdirSync(name);
          return true;
        } catch (error) {
          if (error instanceof Deno.errors.AlreadyExists) return false;
          throw error;
        }
      });
      if (isNew) this.settleFolder(each, { mode: folderMode });
      else this.#mendFolder(each);
    }
  }

  #mendFolder(path: string): void {
    try {
      this.#withFolder(path, (descriptor) => {
        if ((fs.fstatSync(descriptor).mode & folderMode) === folderMode) return;
        const name = canNameOpenFiles() ? `/proc/self/fd/${descriptor}` : `${this.root}/${path}`;
        if (Deno.readDirSync(name).next().done) settleMode(descriptor, folderMode);
      });
    } catch (error) {
      // What may not be listed was not left by a run of this user.
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    }
  }

  /** Sets the permission bits of a file, where the file system has such; of a link none are set. */
  settleFile(path: string, mode: number): void {
    const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants;
    this.use(path, (name) => {
      const descriptor = fs.openSync(name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
      try {
        settleMode(descriptor, mode);
      } finally {
        fs.closeSync(descriptor);
      }
    });
  }

  /** Sets the permission bits of a folder, or its time, in seconds since 1970. */
  settleFolder(path: string, { mode, seconds }: { mode?: number; seconds?: number }): void {
    this.#withFolder(path, (descriptor) => {
      if (mode !== undefined) fs.fchmodSync(descriptor, mode);
      if (seconds !== undefined) fs.futimesSync(descriptor, seconds, seconds);
    });
  }

  /** Closes what is open. */
  [Symbol.dispose](): void {
    this.#closeTo(0);
  }

  #nameOf(path: string): string {
    if (!canNameOpenFiles()) return `${this.root}/${path}`;
    const cut = path.lastIndexOf("/");
    const descriptor = this.#folder(cut < 0 ? "" : path.slice(0, cut));
    return `/proc/self/fd/${descriptor}/${path.slice(cut + 1)}`;
  }

  #withFolder(path: string, run: (descriptor: number) => void): void {
    if (canNameOpenFiles()) return run(this.#folder(path));
    const descriptor = this.#openFolder(`${this.root}/${path}`, path);
    try {
      run(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  #folder(path: string): number {
    const last = this.#open.at(-1);
    if (last?.path === path) return last.descriptor;
    let depth = this.#open.length;
    while (depth > 0 && !isWithin(path, this.#open[depth - 1]!.path)) depth--;
    this.#closeTo(depth);
    if (depth === 0) this.#open.push({ path: "", descriptor: this.#openFolder(this.root, "") });
    for (let from = this.#open.at(-1)!.path; from !== path;) {
      const { descriptor } = this.#open.at(-1)!;
      const begin = from === "" ? 0 : from.length + 1;
      const end = path.indexOf("/", begin);
      from = end < 0 ? path : path.slice(0, end);
      const name = `/proc/self/fd/${descriptor}/${from.slice(begin)}`;
      this.#open.push({ path: from, descriptor: this.#openFolder(name, from) });
    }
    return this.#open.at(-1)!.descriptor;
  }

  #openFolder(name: string, path: string): number {
    const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants;
    // The folder itself may be named through a link.
    const flags = O_DIRECTORY | (path === "" ? 0 : O_NOFOLLOW);
    try {
      try {
        return fs.openSync(name, flags | O_RDONLY);
      } catch (error) {
        const mayPass = codeOf(error) === "EACCES" && canNameOpenFiles();
        if (!mayPass) throw error;
        return fs.openSync(name, flags | passOnly);
      }
    } catch (cause) {
      const { code = "", message } = cause as { code?: string; message: string };
      const plain = `${this.root}/${path}`;
      if (others.includes(code)) {
        throw new VerificationError(`Cannot write below "${plain}": it is not a folder`, {
          cause,
          hint:
            "a program that had the folder as /nix may have put something there; look at it, and remove it",
          side: "destination",
        });
      }
      const told = message.replaceAll(name, () => plain);
      if (code === "ENOENT") throw new Deno.errors.NotFound(told, { cause });
      if (code === "EACCES") throw new Deno.errors.PermissionDenied(told, { cause });
      throw cause;
    }
  }

  #closeTo(depth: number): void {
    while (this.#open.length > depth) fs.closeSync(this.#open.pop()!.descriptor);
  }
}

function settleMode(descriptor: number, mode: number): void {
  try {
    fs.fchmodSync(descriptor, mode);
  } catch (error) {
    if (!noModes.includes(codeOf(error) ?? "")) throw error;
  }
}

function isWithin(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}
