import { dirname, join } from "@std/path";
import { temporaryName } from "../../lib/base/atomic_file.ts";
import { KedgeError, NotAllowedError } from "../../lib/base/errors.ts";
import { ifThere, isReadOnly, lookAt } from "../../lib/base/files.ts";
import { foreseeNames } from "../../lib/base/foresee_names.ts";
import { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import { foreseeWriting, type WritingAhead } from "../../lib/nix/stores/foresee_writing.ts";

const taken = "a file stands there, or above it";
const lost = "a link stands there, or above it, and leads nowhere";

/** Whether what is not there cannot be made either, since a link leads to nothing. */
async function isLost(path: string): Promise<boolean> {
  for (let at = path;; at = dirname(at)) {
    if (await ifThere(Deno.stat(at)) !== undefined || dirname(at) === at) return false;
    if (lookAt(at) !== undefined) return true;
  }
}

/** Makes a folder that all may look into from the moment at which it has its name: a user of a container is another one. */
function makeForAll(path: string): void {
  // The folder itself may have the longest name that there is.
  const temporary = temporaryName(join(dirname(path), "nix"));
  Deno.mkdirSync(temporary);
  try {
    // Nobody can put another folder in the place of one that is not empty, where two make it at once.
    for (const each of [temporary, join(temporary, "var")]) {
      Deno.mkdirSync(each, { recursive: true });
      if (Deno.build.os !== "windows") Deno.chmodSync(each, 0o755);
    }
    Deno.renameSync(temporary, path);
  } catch (error) {
    Deno.removeSync(temporary, { recursive: true });
    // Somebody else has made it.
    if (lookAt(path)?.isDirectory !== true) throw error;
  }
}

/** A folder that containers mount as `/nix`. */
export class FolderPlace {
  /** What it is, for people. */
  readonly label: string;
  /** The folder itself. */
  readonly folder: NixFolder;

  /** Touches no disk. */
  constructor(path: string) {
    this.label = `the folder "${path}"`;
    this.folder = new NixFolder(path);
  }

  /** The folder: there is nobody to be asked. */
  remembered(): Promise<NixFolder> {
    return Promise.resolve(this.folder);
  }

  /**
   * The folder, which need not be there.
   *
   * @throws {KedgeError} if something else is
   */
  async find(): Promise<NixFolder> {
    try {
      if (!(await Deno.stat(this.folder.path)).isDirectory) throw this.#unusable(taken);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotADirectory) throw this.#unusable(taken, cause);
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      if (await isLost(this.folder.path)) throw this.#unusable(lost, cause);
    }
    return this.folder;
  }

  /** The folder; made where it is not there. */
  async make(): Promise<NixFolder> {
    const { path } = this.folder;
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      if (lookAt(path) === undefined) makeForAll(path);
      Deno.mkdirSync(path, { recursive: true });
    } catch (cause) {
      if (isReadOnly(cause) || cause instanceof Deno.errors.NotCapable) throw this.#unmade(cause);
      const isTaken = cause instanceof Deno.errors.AlreadyExists ||
        cause instanceof Deno.errors.NotADirectory;
      const state = isTaken ? taken : `it cannot be made (${(cause as Error).message})`;
      throw this.#unusable(state, cause);
    }
    return this.folder;
  }

  /** Fails as making it, or writing in it, would where that is not allowed; writes nothing. */
  async foresee(ahead: WritingAhead): Promise<void> {
    const { path } = this.folder;
    if (await ifThere(Deno.stat(path)) !== undefined) {
      return await foreseeWriting(this.folder, ahead);
    }
    try {
      foreseeNames(path);
    } catch (cause) {
      throw this.#unmade(cause);
    }
  }

  #unmade(cause: unknown): KedgeError {
    return this.#unusable("this process may not make it", cause, NotAllowedError);
  }

  #unusable(
    state: string,
    cause?: unknown,
    kind: typeof KedgeError | typeof NotAllowedError = KedgeError,
  ): KedgeError {
    return new kind(`Cannot use ${this.label}: ${state}`, { side: "destination", cause });
  }
}
