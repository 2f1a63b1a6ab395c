/**
 * Brings the paths of an image into a store; of one in layers, the uppermost first.
 *
 * Invariant: a path comes into the store once its NAR is the one that the image's database names, wherever and by whom it was written.
 *
 * @module
 */
import type { TarContents } from "../base/tar_reader.ts";
import type { NixFolder } from "../nix/folder/nix_folder.ts";
import type { StoreRow } from "../nix/folder/store_row.ts";
import type { StoreStage } from "../nix/folder/store_stage.ts";
import type { StoreTree } from "../nix/folder/store_tree.ts";
import type { LayerMember } from "../oci/layer_members.ts";
import type { StoreTaker, UnpackOptions } from "./store_source.ts";
import { takeMember } from "./take_member.ts";

/** What a {@linkcode StoreUnpacker} works with. */
export interface StoreUnpackerOptions extends Pick<UnpackOptions, "linksBytes"> {
  /** Told of each path that came into the store. */
  onPlaced: (row: StoreRow) => void;
}

/** Takes what is wanted of an image. */
export class StoreUnpacker implements StoreTaker {
  readonly #folder: NixFolder;
  readonly #stage: StoreStage;
  readonly #adopting = new Set<string>();
  readonly #wanted: Map<string, StoreRow>;
  readonly #linksBytes: number;
  readonly #onPlaced: (row: StoreRow) => void;
  readonly #touched = new Set<string>();

  /** Writes nothing yet. */
  constructor(
    folder: NixFolder,
    stage: StoreStage,
    wanted: readonly StoreRow[],
    { linksBytes, onPlaced }: StoreUnpackerOptions,
  ) {
    this.#folder = folder;
    this.#stage = stage;
    this.#wanted = new Map(wanted.map((row) => [row.storePath.baseName, row]));
    this.#linksBytes = linksBytes;
    this.#onPlaced = onPlaced;
  }

  wants(baseName: string): boolean {
    return this.#wanted.has(baseName);
  }

  take(baseName: string, rest: string, member: LayerMember): TarContents | undefined {
    this.#touched.add(baseName);
    return takeMember(this, this.#folder, { baseName, rest, member });
  }

  tree(baseName: string): StoreTree {
    return this.#stage.tree(baseName, this.#wanted.get(baseName)?.narSize ?? this.#linksBytes);
  }

  begun(baseName: string): StoreTree | undefined {
    return this.#stage.begun(baseName);
  }

  /** Brings a path that was written and proven elsewhere into the store; of one that two layers hold, the first that comes. */
  async adopt(baseName: string, path: string): Promise<void> {
    const row = this.#wanted.get(baseName);
    if (row === undefined || this.#adopting.has(baseName)) return;
    this.#adopting.add(baseName);
    await this.#stage.adopt(baseName, path);
    this.#placed(row);
  }

  async place(baseName: string, signal: AbortSignal): Promise<void> {
    const row = this.#wanted.get(baseName);
    if (row === undefined) return;
    await this.#stage.place(row, signal);
    this.#placed(row);
  }

  /** Brings what is whole by now into the store: its NAR is the one that the database names, whatever the layers below hold. */
  async layerEnd(): Promise<void> {
    for (const baseName of this.#touched) {
      const row = this.#wanted.get(baseName);
      if (row !== undefined && await this.#stage.placeIfWhole(row)) this.#placed(row);
    }
    this.#touched.clear();
  }

  /** Proves and brings into the store what is left, of which only all layers together are the whole. */
  async end(signal: AbortSignal): Promise<void> {
    for (const baseName of [...this.#wanted.keys()]) await this.place(baseName, signal);
  }

  #placed(row: StoreRow): void {
    this.#wanted.delete(row.storePath.baseName);
    this.#onPlaced(row);
  }
}
