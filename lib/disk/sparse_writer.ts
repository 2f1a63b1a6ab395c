import { isZero } from "../chunk/zeros.ts";

const holeBytes = 64 * 1024;

/** Writes to a file, and leaves its holes. */
export class SparseWriter {
  #file: Deno.FsFile;
  /** One for all that is written: the collector counts what is dropped too late. */
  #there = new Uint8Array(holeBytes);

  /** The file must be open to be read and written. */
  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Writes bytes to a place; where they are zeros and the file has zeros too, nothing. One call at a time. */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    for (let at = 0; at < bytes.length; at += holeBytes) {
      const part = bytes.subarray(at, at + holeBytes);
      await file.seek(offset + at, Deno.SeekMode.Start);
      if (isZero(part)) {
        const there = this.#there.subarray(0, part.length);
        const count = await file.read(there);
        if (count === part.length && isZero(there)) continue;
        await file.seek(offset + at, Deno.SeekMode.Start);
      }
      for (let written = 0; written < part.length;) {
        written += await file.write(part.subarray(written));
      }
    }
  }
}
