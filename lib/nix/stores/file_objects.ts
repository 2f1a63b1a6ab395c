/**
 * A binary cache in a folder.
 *
 * Invariants: an object is synced before its name appears, and names are durable after {@linkcode FileObjects.flush}; the bytes of a file
 * are hashed while they are copied, unless this run hashed them already, and a copy with another hash never gets the name; a
 * file that lasts gets a second name where it can; keys stay inside the folder.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import {
  persistFile,
  removeIfThere,
  syncFolder,
  temporaryName,
  writeFileAtomic,
} from "../../base/atomic_file.ts";
import { Hasher } from "../../base/digest.ts";
import { codeOf, VerificationError } from "../../base/errors.ts";
import { lockFile } from "../../base/file_lock.ts";
import { ifThere } from "../../base/files.ts";
import { foreseeNames } from "../../base/foresee_names.ts";
import type { ObjectMeter } from "../../base/meter.ts";
import { checkFileDigest } from "./check_file_digest.ts";
import { notWritten } from "./not_written.ts";
import type {
  ObjectFile,
  ObjectOptions,
  ObjectReader,
  ObjectWriter,
  StagedObject,
} from "./object_store.ts";
import type { ChangeObject } from "./replace_object.ts";
import { resumeCopy } from "./resume_copy.ts";

const bufferBytes = 1024 * 1024;
const largestAtOnceBytes = 64 * 1024 * 1024;
const largestSmallBytes = 4 * 1024 * 1024;

/** The objects of a `file://` binary cache. */
export class FileObjects implements ObjectReader, ObjectWriter {
  readonly url: string;
  readonly local = true;
  readonly requestsEach = 0;
  /** The folder. */
  readonly dir: string;
  readonly #made = new Map<string, Promise<void>>();
  readonly #unsynced = new Set<string>();

  /** Touches no disk; the folder is made at the first write. */
  constructor(dir: string) {
    this.dir = dir;
    this.url = `file://${dir}`;
  }

  pathOf(key: string): string {
    return this.#path(key);
  }

  requestsFor(): number {
    return 0;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const path = this.#path(key);
    const info = await statFile(path);
    if (info === undefined) return undefined;
    if (info.size > largestSmallBytes) {
      throw new VerificationError(`Cannot read "${path}": it has ${info.size} bytes`);
    }
    return await ifThere(Deno.readFile(path));
  }

  async size(key: string): Promise<number | undefined> {
    return (await statFile(this.#path(key)))?.size;
  }

  async open(key: string): Promise<ReadableStream<Uint8Array> | undefined> {
    return (await ifThere(Deno.open(this.#path(key), { read: true })))?.readable;
  }

  async put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const path = this.#path(key);
    await this.#writing(path, () => writeFileAtomic(path, bytes, { syncFolder: false }));
  }

  async stage(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<StagedObject> {
    const path = this.#path(key);
    const temporary = temporaryName(path);
    const drop = async () => {
      await removeIfThere(temporary);
    };
    try {
      await this.#writing(path, async () => {
        using file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o644 });
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
        await file.syncData();
      });
    } catch (error) {
      // What is wrong with the folder is told, not that nothing can be removed there either.
      await drop().catch(() => undefined);
      throw error;
    }
    let left = true;
    return {
      appear: () =>
        this.#writing(path, async () => {
          await Deno.rename(temporary, path);
          left = false;
        }),
      [Symbol.asyncDispose]: async () => {
        if (left) await drop();
      },
    };
  }

  async replace(key: string, change: ChangeObject, options: ObjectOptions = {}): Promise<void> {
    const path = this.#path(key);
    await this.#writing(path, async () => {
      // Writers of kedge come one after the other; any other one may still come in between.
      using _lock = await lockFile(join(this.dir, ".kedge", "replace.lock"), options);
      await writeFileAtomic(path, await change(await this.get(key)), { syncFolder: false });
    });
  }

  async putFile(
    key: string,
    file: ObjectFile,
    meter: ObjectMeter,
    options: ObjectOptions = {},
  ): Promise<void> {
    const path = this.#path(key);
    await this.#writing(path, async () => {
      if (file.lasting && file.fresh && await linked(file.path, path)) {
        return meter.moved(file.size);
      }
      if (file.size > largestAtOnceBytes) {
        return await resumeCopy(file, path, meter, options.signal);
      }
      const temporary = temporaryName(path);
      try {
        if (file.fresh) {
          await Deno.copyFile(file.path, temporary);
          meter.moved(file.size);
        } else await copyHashed(file, temporary, meter, options.signal);
        await persistFile(temporary, path, { mode: 0o644, syncFolder: false });
      } catch (error) {
        await removeIfThere(temporary);
        throw error;
      }
    });
  }

  foresee(folders: readonly string[]): void {
    for (const folder of folders.map((name) => join(this.dir, name))) {
      try {
        foreseeNames(folder);
      } catch (cause) {
        throw notWritten(folder, cause);
      }
    }
  }

  async flush(): Promise<void> {
    const folders = [...this.#unsynced];
    this.#unsynced.clear();
    await Promise.all(folders.map(syncFolder));
  }

  async #writing(path: string, write: () => Promise<unknown>): Promise<void> {
    try {
      const folder = dirname(path);
      const made = this.#made.get(folder) ?? Deno.mkdir(folder, { recursive: true });
      this.#made.set(folder, made);
      await made;
      await write();
      this.#unsynced.add(folder);
    } catch (cause) {
      throw notWritten(path, cause);
    }
  }

  #path(key: string): string {
    if (key.split("/").some((part) => part === "" || part === "." || part === "..")) {
      throw new VerificationError(
        `Cannot find the object ${JSON.stringify(key)}: the name is not allowed`,
      );
    }
    return join(this.dir, key);
  }
}

/** Gives a file a second name in place of whatever has it; `false` where the file system cannot. */
async function linked(from: string, to: string): Promise<boolean> {
  const outcome = await tryLink(from, to);
  if (outcome !== "taken") return outcome === "done";
  const temporary = temporaryName(to);
  if (await tryLink(from, temporary) !== "done") return false;
  try {
    await Deno.rename(temporary, to);
    return true;
  } finally {
    // Two names of one file are left as they are by a rename.
    await removeIfThere(temporary);
  }
}

async function tryLink(from: string, to: string): Promise<"done" | "taken" | "refused"> {
  try {
    await Deno.link(from, to);
    return "done";
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return "taken";
    // Another file system, or one without links, or the file of somebody else: then it is copied, and that tells what is really wrong.
    if (codeOf(error) !== undefined) return "refused";
    throw error;
  }
}

async function copyHashed(
  source: ObjectFile,
  path: string,
  meter: ObjectMeter,
  signal: AbortSignal | undefined,
): Promise<void> {
  using input = await Deno.open(source.path, { read: true });
  using output = await Deno.open(path, { write: true, createNew: true, mode: 0o644 });
  const hasher = new Hasher();
  const buffer = new Uint8Array(Math.min(bufferBytes, Math.max(1, source.size)));
  for (;;) {
    signal?.throwIfAborted();
    const count = await input.read(buffer);
    if (count === null) break;
    const piece = buffer.subarray(0, count);
    hasher.update(piece);
    for (let offset = 0; offset < count;) offset += await output.write(piece.subarray(offset));
    meter.moved(count);
  }
  checkFileDigest(hasher, source);
}

async function statFile(path: string): Promise<Deno.FileInfo | undefined> {
  const info = await ifThere(Deno.stat(path));
  return info?.isFile ? info : undefined;
}
