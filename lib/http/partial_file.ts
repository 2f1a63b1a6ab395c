/**
 * The data of a download that is under way.
 *
 * Invariants: the control file names only bytes that were synced before it was written; syncing runs beside the
 * transfer; at most one sync is under way at a time.
 *
 * @module
 */
import { join } from "@std/path";
import { removeIfThere } from "../base/atomic_file.ts";
import { type Control, dataName, writeControl } from "./control_file.ts";
import { Extents } from "./extents.ts";
import type { PartSums } from "./part_sums.ts";

const syncEveryBytes = 8 * 1024 * 1024;

/** The file that a download fills, and what is known of it. */
export class PartialFile implements AsyncDisposable {
  /** Where the data lies. */
  readonly path: string;
  /** The bytes that were written. */
  readonly extents: Extents;
  #folder: string;
  #control: Omit<Control, "done" | "sums"> | undefined;
  #sums: PartSums | undefined;
  #file: Deno.FsFile;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(
    folder: string,
    file: Deno.FsFile,
    control: Omit<Control, "done" | "sums"> | undefined,
    extents: Extents,
    sums: PartSums | undefined,
  ) {
    this.#folder = folder;
    this.path = join(folder, dataName);
    this.#file = file;
    this.#control = control;
    this.extents = extents;
    this.#sums = sums;
  }

  /**
   * Opens the data within a folder that nobody else uses. With `done`, what is there is continued; without it, all begins
   * anew. Without `control` nothing is written that a later run could resume from; with `sums`, that run can tell damaged parts.
   */
  static async open(
    folder: string,
    control: Omit<Control, "done" | "sums"> | undefined,
    done: Control["done"] = [],
    sums?: PartSums,
  ): Promise<PartialFile> {
    const path = join(folder, dataName);
    if (done.length === 0) {
      await removeIfThere(join(folder, "control.json"));
      await removeIfThere(path);
    }
    const file = await Deno.open(path, { read: true, write: true, create: true });
    try {
      if (control !== undefined) await file.truncate(control.size);
    } catch (error) {
      file.close();
      throw error;
    }
    return new PartialFile(folder, file, control, new Extents(done), sums);
  }

  /** Says that bytes were written. */
  wrote(start: number, bytes: Uint8Array): void {
    this.extents.add(start, start + bytes.byteLength);
    this.#sums?.add(start, bytes);
    this.#unsynced += bytes.byteLength;
    if (this.#unsynced < syncEveryBytes || this.#syncing !== undefined) return;
    this.#syncing = this.#sync().catch((error) => {
      this.#failure ??= error;
    }).finally(() => {
      this.#syncing = undefined;
    });
  }

  /** Makes all that was written durable, and says so in the control file. */
  async save(): Promise<void> {
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#sync();
  }

  /** Closes the file; the data stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing;
    this.#file.close();
  }

  async #sync(): Promise<void> {
    this.#unsynced = 0;
    const done = [...this.extents];
    const sums = this.#sums?.snapshot();
    await this.#file.syncData();
    if (this.#control === undefined) return;
    await writeControl(this.#folder, {
      ...this.#control,
      done,
      ...(sums === undefined ? {} : { sums }),
    });
  }
}
