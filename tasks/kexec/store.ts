import { basename, dirname, join } from "@std/path";
import type { Digest } from "../../lib/base/digest.ts";
import { ifThere } from "../../lib/base/files.ts";
import { isGranted } from "../../lib/base/is_granted.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import { DownloadEntry } from "../../lib/cache/download_entry.ts";
import { fetchurlExpression, storeFile } from "../../lib/nix/stores/store_file.ts";

/** A bundle in the cache. */
interface Bundle {
  path: string;
  digest?: Digest;
  url: string;
}

const linkName = "gc-root";

/**
 * Puts the bundle of a URL into the Nix store. The link that keeps it there lies beside the bundle in the cache, so that it goes with
 * it; Nix knows it by its path, which the entry notes, so that {@linkcode renewRoot} makes it anew where the cache was moved.
 */
export async function putIntoStore(
  cache: Cache,
  url: string,
  bundle: Bundle,
  signal: AbortSignal,
): Promise<{ storePath: string; fetchurl: string }> {
  const name = basename(bundle.path);
  const root = join(dirname(bundle.path), linkName);
  const digest = bundle.digest!;
  const { storePath } = await storeFile(bundle.path, { name, digest, root, signal });
  const entry = new DownloadEntry(cache, buckets.kexec, url);
  const { storeRoot } = (await entry.entry.read())?.value ?? {};
  if (storeRoot !== root) await entry.noteStoreRoot(root);
  return { storePath, fetchurl: fetchurlExpression(bundle.url, digest, name) };
}

/**
 * Has Nix keep a bundle again that it lost sight of, since the cache was moved from where this link was; a folder that only goes by
 * another path now was not moved. Nobody asked for it now: that it cannot be done is said once and no failure.
 */
export async function renewRoot(
  cache: Cache,
  url: string,
  bundle: Bundle,
  { storeRoot, signal, report }: {
    storeRoot: string;
    signal: AbortSignal;
    report: (message: string) => void;
  },
): Promise<void> {
  try {
    if (await isSameFolder(dirname(storeRoot), dirname(bundle.path))) return;
    await putIntoStore(cache, url, bundle, signal);
  } catch (error) {
    signal.throwIfAborted();
    report(
      `the cache was moved, and the Nix store cannot be told so: ${(error as Error).message}; ` +
        `it may collect "${basename(bundle.path)}"`,
    );
    await new DownloadEntry(cache, buckets.kexec, url).noteStoreRoot("").catch(() => undefined);
  }
}

/** Whether one folder goes by two paths; a path that this program may not read is taken for another's. */
async function isSameFolder(there: string, here: string): Promise<boolean> {
  return isGranted({ name: "read", path: there }) &&
    await ifThere(Deno.realPath(there)) === await Deno.realPath(here);
}
