/**
 * Where a store is carried to: a named volume of podman or docker, or a folder.
 *
 * Invariants: where a volume's files are is asked of the engine once and remembered; what is remembered is believed only where kedge's own
 * notes lie in that folder.
 *
 * @module
 */
import { dirname, join, resolve } from "@std/path";
import * as v from "valibot";
import { temporaryName } from "../../lib/base/atomic_file.ts";
import { KedgeError, NotAllowedError, UsageError } from "../../lib/base/errors.ts";
import { ifThere, isReadOnly, lookAt } from "../../lib/base/files.ts";
import { foreseeNames } from "../../lib/base/foresee_names.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import {
  type AskEngineOptions,
  type ContainerEngine,
  type ContainerEngineOptions,
  findEngine,
} from "../../lib/container/container_engine.ts";
import {
  type EngineVolume,
  ensureVolume,
  inspectVolume,
  isVolumeName,
} from "../../lib/container/engine_volume.ts";
import { foreseeWriting, type WritingAhead } from "../../lib/nix/stores/foresee_writing.ts";
import { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import type { Step } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";

/** What is mounted as `/nix`: a named volume, or a folder. */
export type NixVolume =
  | { volume: string; folder?: undefined }
  | { folder: string; volume?: undefined };

/** What of a step the engine is asked in: who may end that, and who is told that the engine is long about it. */
export type AskingStep = Pick<Step, "meter" | "signal">;

/** A place that was named, checked. */
export interface NixPlace {
  /** What it is, for people. */
  readonly label: string;
  /** The folder as far as it is known by now. */
  readonly folder: NixFolder | undefined;
  /** The folder as it is remembered or was named; asks no engine. */
  remembered(): Promise<NixFolder | undefined>;
  /** The folder, asked of the engine; `undefined` if there is no such volume. */
  find(step: AskingStep): Promise<NixFolder | undefined>;
  /** The folder; made where it is not there. */
  make(step: AskingStep): Promise<NixFolder>;
  /** Fails as making the folder, or writing in it, would where that is not allowed; writes nothing. */
  foresee(ahead: WritingAhead): Promise<void>;
}

const rememberedSchema = v.looseObject({ folder: v.string() });

/**
 * The place that options name.
 *
 * @throws {UsageError} if the name is none, or there is no engine
 */
export async function nixPlace(
  named: NixVolume,
  engineOptions: ContainerEngineOptions | undefined,
  context: TaskContext,
): Promise<NixPlace> {
  const { volume, folder } = (named ?? {}) as {
    volume?: string | undefined;
    folder?: string | undefined;
  };
  if ((volume === undefined) === (folder === undefined)) {
    throw new UsageError(
      `Cannot tell where the store is: ${JSON.stringify(named)} is neither a volume nor a folder`,
      { hint: 'it is { volume: "nix" } or { folder: "/var/nix" }' },
    );
  }
  if (folder !== undefined) {
    if (typeof folder === "string" && folder !== "") {
      const path = resolve(folder);
      if (dirname(path) !== path) return new FolderPlace(path);
      throw new UsageError(`Cannot use the folder "${folder}": it is the root folder`, {
        hint: "name the folder that containers mount as /nix",
      });
    }
    throw new UsageError(`Cannot use the folder ${JSON.stringify(folder)}: it has no name`);
  }
  if (typeof volume !== "string" || !isVolumeName(volume)) {
    throw new UsageError(`Cannot use the volume ${JSON.stringify(volume)}: it is no name`, {
      hint: "a name has letters, digits, '.', '_' and '-'; a folder is written with a slash",
    });
  }
  return new VolumePlace(volume, await findEngine(engineOptions), context);
}

const taken = "a file stands there, or above it";
const lost = "a link stands there, or above it, and leads nowhere";

/** Whether what is not there cannot be made either, since a link leads to nothing. */
async function isLost(path: string): Promise<boolean> {
  for (let at = path;; at = dirname(at)) {
    if (await ifThere(Deno.stat(at)) !== undefined || dirname(at) === at) return false;
    if (lookAt(at) !== undefined) return true;
  }
}

/** Makes a folder that all may look into from the moment at which it has its name: a user of a container is another one. */
function makeForAll(path: string): void {
  // The folder itself may have the longest name that there is.
  const temporary = temporaryName(join(dirname(path), "nix"));
  Deno.mkdirSync(temporary);
  try {
    // Nobody can put another folder in the place of one that is not empty, where two make it at once.
    for (const each of [temporary, join(temporary, "var")]) {
      Deno.mkdirSync(each, { recursive: true });
      if (Deno.build.os !== "windows") Deno.chmodSync(each, 0o755);
    }
    Deno.renameSync(temporary, path);
  } catch (error) {
    Deno.removeSync(temporary, { recursive: true });
    // Somebody else has made it.
    if (lookAt(path)?.isDirectory !== true) throw error;
  }
}

class FolderPlace implements NixPlace {
  readonly label: string;
  readonly folder: NixFolder;

  constructor(path: string) {
    this.label = `the folder "${path}"`;
    this.folder = new NixFolder(path);
  }

  remembered(): Promise<NixFolder> {
    return Promise.resolve(this.folder);
  }

  async find(): Promise<NixFolder> {
    try {
      if (!(await Deno.stat(this.folder.path)).isDirectory) throw this.#unusable(taken);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotADirectory) throw this.#unusable(taken, cause);
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      if (await isLost(this.folder.path)) throw this.#unusable(lost, cause);
    }
    return this.folder;
  }

  async make(): Promise<NixFolder> {
    const { path } = this.folder;
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      if (lookAt(path) === undefined) makeForAll(path);
      Deno.mkdirSync(path, { recursive: true });
    } catch (cause) {
      if (isReadOnly(cause) || cause instanceof Deno.errors.NotCapable) throw this.#unmade(cause);
      const isTaken = cause instanceof Deno.errors.AlreadyExists ||
        cause instanceof Deno.errors.NotADirectory;
      const state = isTaken ? taken : `it cannot be made (${(cause as Error).message})`;
      throw this.#unusable(state, cause);
    }
    return this.folder;
  }

  async foresee(ahead: WritingAhead): Promise<void> {
    const { path } = this.folder;
    if (await ifThere(Deno.stat(path)) !== undefined) {
      return await foreseeWriting(this.folder, ahead);
    }
    try {
      foreseeNames(path);
    } catch (cause) {
      throw this.#unmade(cause);
    }
  }

  #unmade(cause: unknown): KedgeError {
    return this.#unusable("this process may not make it", cause, NotAllowedError);
  }

  #unusable(
    state: string,
    cause?: unknown,
    kind: typeof KedgeError | typeof NotAllowedError = KedgeError,
  ): KedgeError {
    return new kind(`Cannot use ${this.label}: ${state}`, { side: "destination", cause });
  }
}

function asking({ meter, signal }: AskingStep): AskEngineOptions {
  return { signal, onWait: (message) => meter.note(message) };
}

class VolumePlace implements NixPlace {
  readonly label: string;
  folder: NixFolder | undefined;
  readonly #name: string;
  readonly #engine: ContainerEngine;
  readonly #context: TaskContext;

  constructor(name: string, engine: ContainerEngine, context: TaskContext) {
    this.label = `the volume "${name}"`;
    this.#name = name;
    this.#engine = engine;
    this.#context = context;
  }

  async remembered(): Promise<NixFolder | undefined> {
    const folder = (await this.#entry().read())?.value.folder;
    return folder === undefined ? undefined : this.folder = new NixFolder(folder);
  }

  async find(step: AskingStep): Promise<NixFolder | undefined> {
    const found = await inspectVolume(this.#engine, this.#name, asking(step));
    return found === undefined ? undefined : await this.#reachable(found);
  }

  async make(step: AskingStep): Promise<NixFolder> {
    const volume = await ensureVolume(this.#engine, this.#name, asking(step));
    const reachable = await this.#reachable(volume);
    await this.#entry().write({ folder: volume.folder }, { by: `volume ${this.#name}` });
    return reachable;
  }

  async foresee(ahead: WritingAhead): Promise<void> {
    if (this.folder !== undefined) await foreseeWriting(this.folder, ahead);
  }

  async #reachable({ folder, mounted }: EngineVolume): Promise<NixFolder> {
    if (mounted !== undefined) {
      throw new KedgeError(
        `Cannot use ${this.label}: ${this.#engine.kind} mounts ${mounted} for it only while a container has it`,
        { side: "destination", hint: "name a folder instead (--folder), and mount that at /nix" },
      );
    }
    try {
      await Deno.stat(folder);
      return this.folder = new NixFolder(folder);
    } catch (cause) {
      const isElsewhere = cause instanceof Deno.errors.NotFound;
      throw new NotAllowedError(
        `Cannot use ${this.label}: its files are in "${folder}", which ${
          isElsewhere ? "is not on this machine" : "this process may not look into"
        }`,
        {
          cause,
          hint: isElsewhere
            ? `${this.#engine.kind} runs in a virtual machine or on another host; name a folder of this machine ` +
              "instead (--folder), on a file system that tells upper from lower case, and mount that at /nix"
            : "run as the user who owns the engine's volumes, or name a folder instead (--folder)",
        },
      );
    }
  }

  #entry() {
    const { kind, program, args } = this.#engine;
    const key = `volume ${JSON.stringify([kind, program, args, this.#name])}`;
    return this.#context.cache.entry(buckets.oci, key, rememberedSchema);
  }
}
