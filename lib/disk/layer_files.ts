/** The files of this machine in which layers of a Tart disk are looked for. @module */
import type { Step } from "../operation/operation.ts";
import type { TartDisk, TartLayer } from "./tart_disk.ts";
import { regionDigest, type TartRegion } from "./tart_region.ts";
import { tellReading } from "./tell_reading.ts";

/** A layer that is to be copied. */
export interface TartCopy {
  /** The layer. */
  readonly layer: TartLayer;
  /** Where its content stands. */
  readonly from: TartRegion;
}

/** Where the layers of a disk are. */
export interface LocatedLayers {
  /** Those that stand in their places in the file that is written. */
  readonly standing: readonly TartLayer[];
  /** Those whose content stands elsewhere on this machine. */
  readonly copies: readonly TartCopy[];
  /** Those that are nowhere on it. */
  readonly missing: readonly TartLayer[];
}

/** Files that may hold layers of a disk in their places. */
export class LayerFiles {
  readonly #disk: TartDisk;
  readonly #signal: AbortSignal;
  /** What is told of the reading of each. */
  readonly #onRead: ReadonlyMap<string, (bytes: number) => void>;
  readonly #found = new Map<TartLayer, TartRegion>();

  /** Reads nothing yet; what is found in an earlier one is not looked for in a later one. */
  constructor(disk: TartDisk, paths: readonly string[], { meter, signal }: Step) {
    this.#disk = disk;
    this.#signal = signal;
    this.#onRead = new Map(
      paths.map((path) => [path, tellReading(meter, path, disk.size, { isAlone: false })]),
    );
  }

  /** Looks for each layer of the disk, of which `out` is to be the file. */
  async locate(out: string): Promise<LocatedLayers> {
    const { layers } = this.#disk;
    const found = this.#found;
    for (const layer of layers) {
      const region = await this.#find(layer);
      if (region !== undefined) found.set(layer, region);
    }
    const byContent = new Map([...found].map(([{ digest }, region]) => [digest, region]));
    const stands = (layer: TartLayer) => found.get(layer)?.path === out;
    return {
      standing: layers.filter(stands),
      copies: layers.filter((layer) => !stands(layer)).flatMap((layer) => {
        const from = found.get(layer) ?? byContent.get(layer.digest);
        return from === undefined ? [] : [{ layer, from }];
      }),
      missing: layers.filter(({ digest }) => !byContent.has(digest)),
    };
  }

  /** Whether one of them holds all layers, after each was looked for. */
  async holdsAll(path: string): Promise<boolean> {
    if (this.#found.size < this.#disk.layers.length) return false;
    for (const [layer, found] of this.#found) {
      if (found.path !== path && !await this.#holds(path, layer)) return false;
    }
    return true;
  }

  async #find(layer: TartLayer): Promise<TartRegion | undefined> {
    for (const path of this.#onRead.keys()) {
      this.#signal.throwIfAborted();
      if (await this.#holds(path, layer)) return { path, offset: layer.offset };
    }
    return undefined;
  }

  async #holds(path: string, layer: TartLayer): Promise<boolean> {
    const reading = { signal: this.#signal, onRead: this.#onRead.get(path)! };
    return await regionDigest(path, layer, reading) === layer.digest;
  }
}
