import { join } from "@std/path";
import { digestHex } from "../../base/digest_text.ts";
import { takenBytes } from "../../base/disk_space.ts";
import { folderNames, ifThere } from "../../base/files.ts";
import { dataName } from "../../http/control_file.ts";
import { Extents } from "../../http/extents.ts";
import { readSoundControl } from "../../http/sound_control.ts";
import type { Descriptor } from "../descriptor.ts";

/** Blobs of this size and more are fetched over several connections, in ranges. */
export const rangedFromBytes: number = 64 * 1024 * 1024;

/** What earlier runs left of blobs in a layout: each in a folder named after its digest. */
export class LeftParts {
  #folder: string;
  #names: Promise<ReadonlySet<string>> | undefined;

  /** The folder that holds those of the blobs; it need not be there. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The folder of a blob, whether it is there or not. */
  folder(descriptor: Descriptor): string {
    return join(this.#folder, digestHex(descriptor.digest));
  }

  /** Whether anything was left of a blob when this was first asked of any. */
  async has(descriptor: Descriptor): Promise<boolean> {
    return (await (this.#names ??= this.#read())).has(digestHex(descriptor.digest));
  }

  /** What is there of a blob that can be gone on with: its ranges, where it is fetched in ranges, or its bytes from the start on. */
  async of(descriptor: Descriptor, ranged: boolean): Promise<Extents> {
    if (!await this.has(descriptor)) return new Extents();
    const folder = this.folder(descriptor);
    const control = await readSoundControl(folder, descriptor.digest);
    if (ranged || control !== undefined) return new Extents(ranged ? control?.done : []);
    const end = Math.min(
      (await ifThere(Deno.stat(join(folder, dataName))))?.size ?? 0,
      descriptor.size,
    );
    return new Extents(end === 0 ? [] : [{ start: 0, end }]);
  }

  /** How much of the disk what is there of a blob takes, in bytes, whether it can be gone on with or makes room for what comes. */
  async takenBytes(descriptor: Descriptor): Promise<number> {
    if (!await this.has(descriptor)) return 0;
    const found = await ifThere(Deno.stat(join(this.folder(descriptor), dataName)));
    return found === undefined ? 0 : takenBytes(found);
  }

  /** Takes away what was fetched in ranges, before a blob is read as one stream: there are holes in it. */
  async dropRanges(descriptor: Descriptor): Promise<void> {
    const folder = this.folder(descriptor);
    if (await readSoundControl(folder, descriptor.digest) === undefined) return;
    await Deno.remove(folder, { recursive: true });
    await Deno.mkdir(folder);
  }

  async #read(): Promise<ReadonlySet<string>> {
    return new Set(await folderNames(this.#folder, { foldersOnly: true }));
  }
}
