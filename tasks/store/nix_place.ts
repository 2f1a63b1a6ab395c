/**
 * Where a store is carried to: a named volume of podman or docker, or a folder.
 *
 * Invariants: where a volume's files are is asked of the engine once and remembered; what is remembered is believed only where kedge's own
 * notes lie in that folder.
 *
 * @module
 */
import { dirname, resolve } from "@std/path";
import * as v from "valibot";
import { KedgeError, NotAllowedError, UsageError } from "../../lib/base/errors.ts";
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
import { FolderPlace } from "./folder_place.ts";

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
    throw new UsageError(`Cannot use the volume ${JSON.stringify(volume)}: it is not a name`, {
      hint: "a name has letters, digits, '.', '_' and '-'; a folder is written with a slash",
    });
  }
  return new VolumePlace(volume, await findEngine(engineOptions), context);
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
