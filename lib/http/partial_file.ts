/**
 * The data of a download that is under way.
 *
 * Invariants: the control file names only bytes that were synced before it was written; bytes are told of once they are durable,
 * and of those that never become it, at the end; syncing runs beside the transfer, at the latest half a second after bytes came;
 * at most one sync is under way at a time.
 *
 * The file has its full size from the start, but sparsely: Deno has no `fallocate`, so no room is set aside. That there is enough is
 * checked before the transfer; a disk that others fill meanwhile ends it with what came so far kept.
 *
 * @module
 */
import { join } from "@std/path";
import { ifThere } from "../base/files.ts";
import { diskFailure } from "./disk_failure.ts";
import { type Control, dataName, writeControl } from "./control_file.ts";
import { Extents } from "./extents.ts";
import type { PartSums } from "./part_sums.ts";

const syncEveryBytes = 8 * 1024 * 1024;
const syncEveryMs = 500;

/** Options of {@linkcode PartialFile.open}. */
export interface PartialFileOptions {
  /** What is there already, and is continued. @default {nothing: all begins anew} */
  done?: Control["done"];
  /** What the parts add up to, kept so that a later run can tell damaged ones. */
  sums?: PartSums | undefined;
  /** Told of bytes once a kill would not lose them any more. */
  onDurable?: (bytes: number) => void;
}

/** The file that a download fills, and what is known of it. */
export class PartialFile implements AsyncDisposable {
  /** Where the data lies. */
  readonly path: string;
  /** The bytes that were written. */
  readonly extents: Extents;
  #folder: string;
  #control: Omit<Control, "done" | "sums"> | undefined;
  #sums: PartSums | undefined;
  #onDurable: (bytes: number) => void;
  #file: Deno.FsFile;
  #unsynced = 0;
  #syncedMs = performance.now();
  #syncing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(
    folder: string,
    file: Deno.FsFile,
    control: Omit<Control, "done" | "sums"> | undefined,
    { done = [], sums, onDurable = () => {} }: PartialFileOptions,
  ) {
    this.#folder = folder;
    this.path = join(folder, dataName);
    this.#file = file;
    this.#control = control;
    this.extents = new Extents(done);
    this.#sums = sums;
    this.#onDurable = onDurable;
  }

  /**
   * Opens the data within a folder that nobody else uses. Without `control` nothing is written that a later run could resume
   * from.
   *
   * @throws {KedgeError} if the disk does not take it
   */
  static async open(
    folder: string,
    control: Omit<Control, "done" | "sums"> | undefined,
    options: PartialFileOptions = {},
  ): Promise<PartialFile> {
    const path = join(folder, dataName);
    if ((options.done ?? []).length === 0) {
      for (const each of [join(folder, "control.json"), path]) {
        await ifThere(Deno.remove(each, { recursive: true }));
      }
    }
    const file = await openOwn(path);
    try {
      if (control !== undefined) await file.truncate(control.size);
    } catch (error) {
      file.close();
      throw diskFailure(folder, error);
    }
    return new PartialFile(folder, file, control, options);
  }

  /**
   * Says that bytes were written.
   *
   * @throws {KedgeError} if earlier ones could not be made durable: then no further ones can
   */
  wrote(start: number, bytes: Uint8Array): void {
    this.extents.add(start, start + bytes.byteLength);
    this.#sums?.add(start, bytes);
    this.#unsynced += bytes.byteLength;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#syncing !== undefined) return;
    const isDue = this.#unsynced >= syncEveryBytes ||
      performance.now() - this.#syncedMs >= syncEveryMs;
    if (!isDue) return;
    this.#syncing = this.#sync().catch((error) => {
      this.#failure ??= error;
    }).finally(() => {
      this.#syncing = undefined;
    });
  }

  /**
   * Makes all that was written durable, and says so in the control file.
   *
   * @throws {KedgeError} if the disk does not take it
   */
  async save(): Promise<void> {
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#sync();
  }

  /** Closes the file; the data stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing;
    this.#file.close();
    if (this.#unsynced > 0) this.#onDurable(this.#unsynced);
  }

  async #sync(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      throw diskFailure(this.#folder, error);
    }
  }

  async #write(): Promise<void> {
    const bytes = this.#unsynced;
    const done = [...this.extents];
    const sums = this.#sums?.snapshot();
    await this.#file.syncData();
    if (this.#control !== undefined) {
      await writeControl(this.#folder, {
        ...this.#control,
        done,
        ...(sums === undefined ? {} : { sums }),
      });
    }
    this.#unsynced -= bytes;
    this.#syncedMs = performance.now();
    this.#onDurable(bytes);
  }
}

/** Opens the data; a run that was killed right before it gave them their name left them so that even their owner may only read them. */
async function openOwn(path: string): Promise<Deno.FsFile> {
  const open = () => Deno.open(path, { read: true, write: true, create: true });
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    if (!(await Deno.lstat(path)).isFile) throw error;
    await Deno.chmod(path, 0o644);
    return await open();
  }
}
