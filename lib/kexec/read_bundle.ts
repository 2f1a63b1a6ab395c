import { Hasher } from "../base/digest.ts";
import { GrowingFile } from "../base/growing_file.ts";
import type { BundleContents } from "./bundle_contents.ts";
import type { CheckBundleOptions } from "./check_bundle.ts";
import { inspectBundle } from "./inspect_bundle.ts";

/** Does the work of `checkBundle`: every file in the bundle is hashed. */
export async function runCheckBundle(
  path: string,
  options: CheckBundleOptions = {},
): Promise<BundleContents> {
  options.signal?.throwIfAborted();
  const hashers = new Map<string, Hasher>();
  const { parts: found, ...facts } = await inspectBundle(
    await GrowingFile.whole(path),
    options,
    (path) => {
      const hasher = new Hasher();
      hashers.set(path, hasher);
      return hasher;
    },
  );
  const parts = found.map((part) => ({ ...part, digest: hashers.get(part.path)!.digest() }))
    .sort((a, b) => a.path < b.path ? -1 : 1);
  return { ...facts, parts, unpackedBytes: parts.reduce((sum, { size }) => sum + size, 0) };
}
