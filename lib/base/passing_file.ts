/**
 * A file that other programs read by its path, for what must not stay on a disk.
 *
 * Invariants: only this user may read it; on Linux, where this process may see its own open files, it has no name but the one below `/proc`, so that
 * nothing is left of it once this process is gone, however it ends; elsewhere it goes when it is disposed of.
 *
 * @module
 */
import defer * as fs from "node:fs";
import { removeIfThere } from "./atomic_file.ts";
import { isGranted } from "./is_granted.ts";

/** Is there until it is disposed of. */
export class PassingFile implements AsyncDisposable {
  /** By which other programs of this user read it, as often as they like. */
  readonly path: string;
  readonly #name: string;
  readonly #handle: number;

  /**
   * Writes it.
   *
   * @param name where it is written; nothing may be there
   */
  constructor(name: string, text: string) {
    this.#name = name;
    this.#handle = fs.openSync(name, "wx", 0o600);
    this.path = nameless(name, this.#handle) ?? name;
    try {
      if (this.path !== name) fs.unlinkSync(name);
      fs.writeFileSync(this.#handle, text);
    } catch (error) {
      fs.closeSync(this.#handle);
      fs.rmSync(name, { force: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    fs.closeSync(this.#handle);
    await removeIfThere(this.#name);
  }
}

/** The path of an open file that it keeps without a name; `undefined` where there is none. */
function nameless(name: string, handle: number): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const path = `/proc/${Deno.pid}/fd/${handle}`;
  if (!isGranted({ name: "read", path })) return undefined;
  try {
    return Deno.readLinkSync(path) === Deno.realPathSync(name) ? path : undefined;
  } catch {
    return undefined;
  }
}
