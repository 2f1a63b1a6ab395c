/** Bundles that are checked. @module */
import { assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { packTar, type TarEntry } from "modern-tar";
import { VerificationError } from "../../lib/base/errors.ts";
import { checkBundle, type CheckBundleOptions } from "../../lib/kexec/check_bundle.ts";
import { kernelImage, staticProgram } from "./bundle.ts";

/** A text's bytes. */
export const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The entries of a sound bundle; each may be replaced, left out, or followed by others. */
export function entries(
  changes: Record<string, Partial<TarEntry["header"]> & { data?: Uint8Array } | null> = {},
  more: readonly TarEntry[] = [],
): TarEntry[] {
  const sound: Record<string, { mode: number; data: Uint8Array }> = {
    "kexec/bzImage": { mode: 0o444, data: kernelImage("3", "x86_64") },
    "kexec/initrd": { mode: 0o444, data: bytesOf("070701".padEnd(600, "0")) },
    "kexec/run": { mode: 0o555, data: bytesOf("#!/bin/sh\n") },
    "kexec/kexec": { mode: 0o555, data: staticProgram("x86_64") },
    "kexec/ip": { mode: 0o555, data: staticProgram("x86_64") },
  };
  const made = Object.entries(sound).flatMap(([name, { mode, data }]): TarEntry[] => {
    const change = changes[name];
    if (change === null) return [];
    const body = change?.data ?? data;
    const { data: _, ...header } = change ?? {};
    return [{ header: { name, mode, size: body.byteLength, ...header }, body }];
  });
  return [...made, ...more];
}

/** Gives what something gives that runs with a file of these bytes. */
export async function withFile<T>(
  bytes: Uint8Array,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  try {
    const path = join(folder, name);
    await Deno.writeFile(path, bytes);
    return await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Checks a bundle of members. */
export async function check(list: TarEntry[], options?: CheckBundleOptions) {
  return await withFile(await packTar(list), "b.tar", (path) => checkBundle(path, options));
}

/** Holds that a bundle of members is refused. */
export async function refuses(list: TarEntry[], message: string, options?: CheckBundleOptions) {
  const error = await assertRejects(() => check(list, options), VerificationError);
  assertStringIncludes(error.message, message);
}

/** A link as a member. */
export function link(name: string, type: "symlink" | "link", linkname: string): TarEntry {
  return { header: { name, type, linkname, size: 0 } };
}
