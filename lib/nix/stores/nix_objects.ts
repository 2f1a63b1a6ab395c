/**
 * A store of Nix's own, looked at as if it were a binary cache: its paths become narinfos.
 *
 * Invariants: what is told was asked for at the last {@linkcode NixObjects.refresh}, of a Nix that remembers nothing.
 *
 * @module
 */
import { formatNarInfo } from "../nar/nar_info.ts";
import { type NixCommandOptions, nixJson, runNix } from "../program/nix_command.ts";
import { memoryVariables } from "../program/run_store_command.ts";
import type { ObjectReader } from "./object_store.ts";
import { parsePresentPathInfo, type PathInfo } from "../path_info.ts";
import type { SourcePath } from "../source_path.ts";
import type { WorkFolder } from "../work_folder.ts";

/** What {@linkcode NixObjects} are made of. */
export interface NixObjectsOptions extends Omit<NixCommandOptions, "store"> {
  /** The store's URI, as Nix takes it. */
  uri: string;
  /** What it is, for people. */
  shown: string;
  /** Makes a folder for what Nix remembers while it is asked. */
  makeMemory: () => Promise<WorkFolder>;
}

const pathsAtOnce = 500;

/** The paths of a store that Nix knows. */
export class NixObjects implements ObjectReader {
  readonly url: string;
  readonly local = false;
  readonly requestsEach = 0;
  readonly #options: NixObjectsOptions;
  #storeDir = "/nix/store";
  #infos = new Map<string, PathInfo>();

  /** Asks nothing yet. */
  constructor(options: NixObjectsOptions) {
    this.#options = options;
    this.url = options.shown;
  }

  /** Asks the store anew for all of these paths. */
  async refresh(closure: readonly SourcePath[], signal: AbortSignal): Promise<void> {
    const { uri, shown: _shown, makeMemory, ...nix } = this.#options;
    await using memory = await makeMemory();
    const infos = new Map<string, PathInfo>();
    for (let at = 0; at < closure.length; at += pathsAtOnce) {
      const paths = closure.slice(at, at + pathsAtOnce).map(({ storePath }) => storePath.path);
      const json = await nixJson(
        ["path-info", "--json", "--refresh", ...paths],
        `ask "${this.url}"`,
        { ...nix, store: uri, env: { ...nix.env, ...memoryVariables(memory) }, signal },
      );
      for (const info of parsePresentPathInfo(json)) infos.set(info.storePath.hashPart, info);
    }
    this.#storeDir = closure[0]?.storePath.storeDir ?? this.#storeDir;
    this.#infos = infos;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    if (key === "nix-cache-info") return bytes(`StoreDir: ${this.#storeDir}\n`);
    const info = this.#infos.get(key.replace(/\.narinfo$/, ""));
    if (info === undefined) return Promise.resolve(undefined);
    return bytes(formatNarInfo({
      ...info,
      url: `nar/${info.storePath.hashPart}.nar`,
      compression: "none",
    }));
  }

  size(key: string): Promise<number | undefined> {
    return Promise.resolve(this.#byNar(key)?.narSize);
  }

  open(key: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const info = this.#byNar(key);
    if (info === undefined) return Promise.resolve(undefined);
    const { uri, shown: _shown, makeMemory: _makeMemory, ...nix } = this.#options;
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    runNix(["store", "dump-path", info.storePath.path], {
      ...nix,
      store: uri,
      onStdout: (piece) => writer.write(piece),
    }).then(({ code }) => code === 0 ? writer.close() : writer.abort(`nix ended with code ${code}`))
      .catch((error) => writer.abort(error));
    return Promise.resolve(readable);
  }

  #byNar(key: string): PathInfo | undefined {
    return this.#infos.get(key.replace(/^nar\//, "").replace(/\.nar$/, ""));
  }
}

function bytes(text: string): Promise<Uint8Array> {
  return Promise.resolve(new TextEncoder().encode(text));
}
