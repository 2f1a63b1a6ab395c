import type { DiskFile } from "./disk_file.ts";

/** The file of a pull: where the disk goes, and what is written for it. */
export interface PulledFile {
  /** Where the disk goes; whoever may read and write what is there may do that with a new file too. */
  readonly file: DiskFile;
  /** The file that is written: the destination itself, or the one beside it. */
  readonly out: string;
  /** That file, as it was before anything was read of it; `undefined` if there was none. */
  readonly seen: Deno.FileInfo | undefined;
  /** Whether it is the disk already, every byte of it hashed now: then nobody writes it, and it need not be this user's to write. */
  readonly stands: boolean;
}
