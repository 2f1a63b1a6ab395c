import { join } from "@std/path";
import { TemporaryFolder } from "../../lib/base/atomic_file.ts";
import { PassingFile } from "../../lib/base/passing_file.ts";
import type { Secrets } from "../../lib/runner/secrets.ts";
import type { NixosAnywhereOptions } from "./nixos_anywhere_options.ts";

/** What nixos-anywhere is given beside its arguments; the files go when this is disposed of. */
export interface InstallSecrets extends AsyncDisposable {
  /** Variables of its environment. */
  readonly env: Record<string, string>;
  /** The files of the disks' keys, by their path on the host. */
  readonly keyFiles: Readonly<Record<string, string>>;
}

/**
 * Reads the secrets of an installation. A disk's key that is not in a file already is put into one that only this user can read, where
 * possible in memory (`XDG_RUNTIME_DIR`), and without a name, so that it goes with this process.
 */
export async function installSecrets(
  options: NixosAnywhereOptions,
  secrets: Secrets,
): Promise<InstallSecrets> {
  const { password, sshPrivateKey, diskEncryptionKeys = {} } = options;
  const env: Record<string, string> = {};
  if (password !== undefined) env.SSHPASS = (await secrets.from(password)).reveal();
  if (sshPrivateKey !== undefined) {
    env.SSH_PRIVATE_KEY = (await secrets.from(sshPrivateKey)).reveal();
  }
  const keyFiles: Record<string, string> = {};
  const opened = new AsyncDisposableStack();
  let folder: TemporaryFolder | undefined;
  try {
    for (const [path, key] of Object.entries(diskEncryptionKeys)) {
      if (typeof key === "string" || "file" in key) {
        keyFiles[path] = typeof key === "string" ? key : key.file;
        continue;
      }
      const secret = await secrets.from(key);
      folder ??= opened.use(await TemporaryFolder.make(runtimeFolder(), "kedge-keys"));
      const name = join(folder.path, String(Object.keys(keyFiles).length));
      keyFiles[path] = opened.use(new PassingFile(name, secret.reveal())).path;
    }
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
  return { env, keyFiles, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

function runtimeFolder(): string {
  return Deno.env.get("XDG_RUNTIME_DIR") ?? Deno.env.get("TMPDIR") ?? "/tmp";
}
