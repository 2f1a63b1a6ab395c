/**
 * Brings paths by `nix copy`, and signatures by `nix store copy-sigs`.
 *
 * Invariants: one `nix copy` for all paths; its exit code alone proves nothing. Nix gets our signatures only, in a binary cache without NARs
 * that is gone afterwards: a key never leaves this process.
 *
 * @module
 */
import { KedgeError, type KedgeErrorOptions, NotAllowedError } from "../../base/errors.ts";
import type { NixCommandOptions } from "../program/nix_command.ts";
import { NixLog } from "../program/nix_log.ts";
import { runStoreCommand } from "../program/run_store_command.ts";
import { checkSignatureCache, writeSignatureCache } from "./signature_cache.ts";
import type { SigningKey } from "../signing_key.ts";
import type { SourcePath } from "../source_path.ts";
import type { StorePusher, StorePushOptions } from "./store_pusher.ts";
import type { WorkFolder } from "../work_folder.ts";

/** What a {@linkcode NixPusher} is made of. */
export interface NixPusherOptions extends NixCommandOptions {
  /** The store's URI, as Nix takes it. */
  to: string;
  /** What it is, for people. */
  shown: string;
  /** The keys that sign there. */
  keys: readonly SigningKey[];
  /** Makes a folder for what Nix remembers while it writes. */
  makeMemory: () => Promise<WorkFolder>;
  /** How long Nix may say nothing, in milliseconds. @default {300_000} */
  stallMs?: number | undefined;
}

/** The paths of one command line: 1000 of the longest names are 300 KB, and Linux takes 2 MB. */
const pathsAtOnce = 1000;

/** Brings paths to any store that Nix knows. */
export class NixPusher implements StorePusher {
  readonly #options: NixPusherOptions;

  /** Runs nothing yet. */
  constructor(options: NixPusherOptions) {
    this.#options = options;
  }

  async push(
    paths: readonly SourcePath[],
    { meter, record, signal }: StorePushOptions,
  ): Promise<void> {
    const { to, shown, makeMemory, keys, ...nix } = this.#options;
    await using memory = await makeMemory();
    if (keys.length > 0) checkSignatureCache(memory.path, shown);
    using log = new NixLog((path) => {
      const size = paths.find(({ storePath }) => storePath.path === path)?.narSize ?? 0;
      record(path, "copying", { store: shown });
      return { size, meter: meter.object(`${path} -> ${shown}`, size) };
    });
    const { code, words } = await runStoreCommand(["copy"], ["--to", to, ...pathsOf(paths)], {
      ...nix,
      action: `copy to "${shown}"`,
      memory,
      log,
      signal,
    });
    if (code !== 0) {
      throw new KedgeError(
        `Cannot copy to "${shown}": nix copy ended with code ${code}${words}`,
        { side: "destination" },
      );
    }
  }

  async sign(
    paths: readonly SourcePath[],
    { record, signal }: StorePushOptions,
  ): Promise<void> {
    const { to, shown, makeMemory, keys, ...nix } = this.#options;
    if (keys.length === 0) return;
    await using memory = await makeMemory();
    const substituter = await writeSignatureCache(memory.path, paths, keys, shown);
    for (let at = 0; at < paths.length; at += pathsAtOnce) {
      const some = paths.slice(at, at + pathsAtOnce);
      using log = new NixLog(() => {
        throw new TypeError("nix store copy-sigs copies no path");
      });
      for (const path of pathsOf(some)) record(path, "signing", { store: shown });
      const { code, words } = await runStoreCommand(
        ["store", "copy-sigs"],
        ["--substituter", substituter, ...pathsOf(some)],
        { ...nix, store: to, action: `sign in "${shown}"`, memory, log, signal },
      );
      if (code !== 0) throw refusal(pathsOf(some), code, words);
      for (const path of pathsOf(some)) record(path, "signed", { store: shown });
    }
  }
}

/** The error of a store that takes no signatures. */
function refusal(paths: readonly string[], code: number, words: string): KedgeError {
  const more = paths.length === 1 ? "" : ` and ${paths.length - 1} more`;
  const message = `it takes no signature for "${
    paths[0]
  }"${more}: nix store copy-sigs ended with code ${code}${words}`;
  const options: KedgeErrorOptions = { side: "destination", data: { paths } };
  if (/not privileged/.test(words)) {
    return new NotAllowedError(message, {
      ...options,
      hint:
        "only a user whom trusted-users in the nix.conf there names may sign; log in as one, or publish there without signing keys",
    });
  }
  if (/not supported/.test(words)) {
    return new KedgeError(message, {
      ...options,
      hint:
        "this kind of store takes none; name an ssh:// store as ssh-ng://, or publish there without signing keys",
    });
  }
  return new KedgeError(message, {
    ...options,
    hint: "the paths are there; once the store accepts signatures, the same command adds them",
  });
}

function pathsOf(paths: readonly SourcePath[]): string[] {
  return paths.map(({ storePath }) => storePath.path);
}
