import { dirname, join, relative } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { folderNames } from "../base/files.ts";
import { buckets } from "./buckets.ts";

/** What quarantine needs of the cache around it. */
export interface QuarantineHost {
  /** The root of the cache. */
  readonly dir: string;
  /** Makes the root, its markers and the given folder. */
  ensure(folder: string): Promise<void>;
}

/**
 * Moves a damaged blob, archive or copy to where nobody looks for it, and takes a blob's other names; what pointed to it becomes a
 * miss. What lies in a layer below stays where it is.
 */
export async function quarantineContents(
  host: QuarantineHost,
  contents: { digest: Digest; path: string },
): Promise<void> {
  const [bucket] = relative(host.dir, contents.path).split(/[\\/]/);
  const own = [buckets.blobs, buckets.archives, buckets.files];
  if (!own.some(({ folder }) => folder === bucket)) return;
  const folder = join(host.dir, buckets.quarantine.folder);
  await host.ensure(folder);
  try {
    const { ino, dev, isFile } = await Deno.lstat(contents.path);
    const name = `${digestHex(contents.digest)}-${crypto.randomUUID().slice(0, 8)}`;
    await Deno.rename(contents.path, join(folder, name));
    if (isFile && bucket === buckets.blobs.folder) {
      await removeNames(join(host.dir, buckets.files.folder), ino, dev);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function removeNames(files: string, ino: number | null, dev: number): Promise<void> {
  for (const name of await folderNames(files)) {
    for (const file of await folderNames(join(files, name))) {
      const path = join(files, name, file);
      const info = await Deno.lstat(path);
      if (info.ino === ino && info.dev === dev) {
        await Deno.remove(dirname(path), { recursive: true });
        break;
      }
    }
  }
}
