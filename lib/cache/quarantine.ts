import { basename, dirname, join } from "@std/path";
import type { CachedBlob } from "./blob_store.ts";
import { buckets } from "./buckets.ts";

/** What quarantine needs of the cache around it. */
export interface QuarantineHost {
  /** The root of the cache. */
  readonly dir: string;
  /** Makes the root, its markers and the given folder. */
  ensure(folder: string): Promise<void>;
}

/** Moves a damaged blob to where nobody looks for it, and takes its other names; what pointed to it becomes a miss. */
export async function quarantineBlob(host: QuarantineHost, blob: CachedBlob): Promise<void> {
  if (!blob.path.startsWith(join(host.dir, buckets.blobs.folder))) return;
  const folder = join(host.dir, buckets.quarantine.folder);
  await host.ensure(folder);
  try {
    const { ino, dev } = await Deno.lstat(blob.path);
    const name = `${basename(blob.path)}-${crypto.randomUUID().slice(0, 8)}`;
    await Deno.rename(blob.path, join(folder, name));
    await removeNames(join(host.dir, buckets.files.folder), ino, dev);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function removeNames(files: string, ino: number | null, dev: number): Promise<void> {
  for (const name of await namesOf(files)) {
    for (const file of await namesOf(join(files, name))) {
      const path = join(files, name, file);
      const info = await Deno.lstat(path);
      if (info.ino === ino && info.dev === dev) {
        await Deno.remove(dirname(path), { recursive: true });
        break;
      }
    }
  }
}

async function namesOf(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}
