import { UsageError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import type { NixosAnywhereOptions } from "./nixos_anywhere_options.ts";

/**
 * Checks that the files of an installation are there: nixos-anywhere takes them only once the host is booted anew, or its disks are erased.
 *
 * @throws {UsageError} naming what is not there
 */
export async function checkInstallFiles(options: NixosAnywhereOptions): Promise<void> {
  const { extraFiles, storePaths = [], diskEncryptionKeys = {} } = options;
  if (extraFiles !== undefined) {
    const info = await ifThere(Deno.stat(extraFiles));
    if (!info?.isDirectory) {
      throw new UsageError(
        `Cannot use the extra files "${extraFiles}": ${
          info === undefined ? "they are not there" : "it is not a folder"
        }`,
      );
    }
  }
  for (const path of storePaths) {
    if (await ifThere(Deno.stat(path)) !== undefined) continue;
    throw new UsageError(`Cannot use the store path "${path}": it is not there`, {
      hint: "build it here first",
    });
  }
  for (const [path, key] of Object.entries(diskEncryptionKeys)) {
    const file = typeof key === "string" ? key : "file" in key ? key.file : undefined;
    if (file === undefined) continue;
    const info = await ifThere(Deno.stat(file));
    if (info !== undefined && !info.isDirectory) continue;
    throw new UsageError(
      `Cannot use the key "${file}" for ${path}: ${
        info === undefined ? "it is not there" : "it is a folder"
      }`,
    );
  }
}
