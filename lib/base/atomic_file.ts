/**
 * Files that appear whole or not at all.
 *
 * Invariants: data is synced before the name appears; the folder is synced after; a temporary name holds the
 * process and a random part, so two writers never share one; the last writer of one name wins.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { codeOf } from "./errors.ts";
import { ifThere, writeAllSync } from "./files.ts";
import { syncData } from "./sync_data.ts";

/** A name beside a path, for data that is not yet ready to be seen. */
export function temporaryName(path: string): string {
  return `${path}.tmp-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Whether a file name was made by {@linkcode temporaryName}. */
export function isTemporaryName(name: string): boolean {
  return /\.tmp-\d+-[0-9a-f]{8}$/.test(name);
}

/**
 * Makes the entries of a folder durable. Where the system has no such thing (Windows, some network file
 * systems), the rename alone must do.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using handle = await Deno.open(folder, { read: true });
  try {
    await handle.sync();
  } catch (error) {
    const code = codeOf(error);
    if (code !== "EINVAL" && code !== "ENOTSUP" && code !== "EBADF") throw error;
  }
}

/** How a name appears. */
export interface AppearOptions {
  /** The permission bits of the file. */
  mode?: number;
  /** Whether the folder is synced too; whoever leaves that out syncs it before anything points to the file. @default {true} */
  syncFolder?: boolean;
}

/** Options of {@linkcode persistFile}. */
export interface PersistFileOptions extends AppearOptions {
  /** Called last before the name appears; what it throws keeps it from that. */
  beforeName?: () => Promise<void>;
}

/** Gives data that lies under a temporary name its final one: sync, permission bits, rename, sync of the folder. */
export async function persistFile(
  temporary: string,
  path: string,
  options: PersistFileOptions = {},
): Promise<void> {
  await syncData(temporary);
  if (options.mode !== undefined && Deno.build.os !== "windows") {
    await Deno.chmod(temporary, options.mode);
  }
  await options.beforeName?.();
  await Deno.rename(temporary, path);
  if (options.syncFolder ?? true) await syncFolder(dirname(path));
}

/** Options of {@linkcode writeFileAtomic}. */
export interface WriteFileAtomicOptions extends AppearOptions {
  /** The permission bits of the file. @default {0o644} */
  mode?: number;
  /** Only create: an existing file is left as it is, and `false` comes back. @default {false} */
  createNew?: boolean;
  /** Told of the temporary name under which the data lies before it gets its own. */
  onWritten?: (temporary: string) => void;
}

/**
 * Writes a small file so that readers see the old contents or the new, never a part, even after a crash.
 * The folder must be there. Gives `false` only when `createNew` found the file there.
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  options: WriteFileAtomicOptions = {},
): Promise<boolean> {
  const temporary = temporaryName(path);
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  try {
    {
      using file = written(temporary, bytes, options.mode ?? 0o644);
      await file.syncData();
    }
    options.onWritten?.(temporary);
    if (options.createNew) {
      await Deno.link(temporary, path);
      await Deno.remove(temporary);
    } else await Deno.rename(temporary, path);
    if (options.syncFolder ?? true) await syncFolder(dirname(path));
    return true;
  } catch (error) {
    await removeIfThere(temporary);
    if (options.createNew && error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

/** A new file with these bytes, open to be synced. It is small, and written before a thread would have begun with it. */
function written(path: string, bytes: Uint8Array, mode: number): Deno.FsFile {
  const file = Deno.openSync(path, { write: true, createNew: true, mode });
  try {
    writeAllSync(file, bytes);
    return file;
  } catch (error) {
    file.close();
    if (error instanceof Error) error.message += `: write '${path}'`;
    throw error;
  }
}

/** Removes a file or an empty folder; that it is gone already is fine. */
export async function removeIfThere(path: string): Promise<boolean> {
  return await ifThere(Deno.remove(path).then(() => true)) ?? false;
}

/** A folder of its own inside another, removed with all that is in it when disposed of. */
export class TemporaryFolder implements AsyncDisposable {
  /** The folder's path. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one, for this user alone; the parent is made where it is not there. */
  static async make(parent: string, name = "work"): Promise<TemporaryFolder> {
    const path = temporaryName(join(parent, name));
    await Deno.mkdir(parent, { recursive: true });
    await Deno.mkdir(path, { mode: 0o700 });
    return new TemporaryFolder(path);
  }

  /** Removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await ifThere(Deno.remove(this.path, { recursive: true }));
  }
}
