/**
 * A folder of the OCI image layout 1.0.
 *
 * Invariants: the index is replaced in one rename, under a lock,
 * and looked at afterwards, so that a writer without the lock loses no tag of ours in silence; a folder that holds other things is never taken for a layout to be.
 *
 * @module
 */
import { join } from "@std/path";
import { syncFolder, writeFileAtomic } from "../base/atomic_file.ts";
import { defined } from "../base/defined.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";
import { lockFile } from "../base/file_lock.ts";
import type { Descriptor } from "./descriptor.ts";
import { isLayout } from "./is_layout.ts";
import { LayoutBlobs } from "./layout_blobs.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { MediaType } from "./media_type.ts";
import { readSmallFile } from "./read_small_file.ts";

/** The annotation that holds the name of an image in a layout. */
const refNameAnnotation = "org.opencontainers.image.ref.name";

const layoutText = '{"imageLayoutVersion":"1.0.0"}';

/** Reads and writes a layout. */
export class Layout extends LayoutBlobs {
  #signal: AbortSignal | undefined;

  /** The signal ends a wait for other writers of the index. */
  constructor(folder: string, signal?: AbortSignal) {
    super(folder);
    this.#signal = signal;
  }

  /**
   * Whether the folder is a layout; `false` if it is not there, empty, or holds only what an interrupted run began.
   *
   * @throws {KedgeError} if it is something else
   * @throws {VerificationError} if it is a layout of another version
   */
  async isThere(): Promise<boolean> {
    return await isLayout(this.folder);
  }

  /** The entries of the index, in their order; none where the layout is not there yet. */
  async entries(): Promise<readonly Descriptor[]> {
    return (await this.#index())?.manifests ?? [];
  }

  /** The entry of a name; without a name, the nameless one or the only one. */
  async find(name: string | undefined): Promise<Descriptor | undefined> {
    const entries = await this.entries();
    if (name !== undefined) return entries.find((entry) => nameOf(entry) === name);
    return entries.find((entry) => nameOf(entry) === undefined) ??
      (entries.length === 1 ? entries[0] : undefined);
  }

  /** Makes a name, or the nameless entry, point to a manifest that is here. */
  async point(name: string | undefined, descriptor: Descriptor): Promise<void> {
    await this.pointAll([{ name, descriptor }]);
  }

  /** Makes several names point to manifests that are here, in one step. */
  async pointAll(
    pointers: readonly { name: string | undefined; descriptor: Descriptor }[],
  ): Promise<void> {
    const fresh = pointers.map(({ name, descriptor }) =>
      name === undefined ? descriptor : {
        ...descriptor,
        annotations: { ...descriptor.annotations, [refNameAnnotation]: name },
      }
    );
    const names = new Set(pointers.map(({ name }) => name));
    await this.#edit(
      (entries) => [...entries.filter((standing) => !names.has(nameOf(standing))), ...fresh],
      (entries) => {
        const standing = new Map(entries.map((entry) => [nameOf(entry), entry.digest]));
        return fresh.every((entry) => standing.get(nameOf(entry)) === entry.digest);
      },
    );
  }

  /** Takes entries away; their blobs stay until they are collected. */
  async drop(fits: (entry: Descriptor) => boolean): Promise<void> {
    await this.#edit(
      (entries) => entries.filter((entry) => !fits(entry)),
      (entries) => !entries.some(fits),
    );
  }

  /** Makes the marks of an empty layout, if they are not there. */
  async make(): Promise<void> {
    await this.makeBlobFolder();
    const index = join(this.folder, "index.json");
    await writeFileAtomic(index, indexText([]), { createNew: true });
    await this.#mark();
  }

  /** What makes the folder a layout comes after its index. */
  async #mark(): Promise<void> {
    const path = join(this.folder, "oci-layout");
    if (await ifThere(Deno.stat(path)) !== undefined) return;
    await writeFileAtomic(path, layoutText, { createNew: true });
  }

  async #edit(
    change: (entries: readonly Descriptor[]) => Descriptor[],
    holds: (entries: readonly Descriptor[]) => boolean,
  ): Promise<void> {
    await this.makeBlobFolder();
    await syncFolder(join(this.folder, "blobs", "sha256"));
    using _lock = await lockFile(join(this.workFolder, "lock"), defined({ signal: this.#signal }));
    const index = join(this.folder, "index.json");
    // An index without the mark is of a writer that was ended between the two, and what it says stays.
    if (await ifThere(Deno.stat(index)) !== undefined) await this.#mark();
    for (let tried = 0;; tried++) {
      const entries = await this.entries();
      await writeFileAtomic(index, indexText(change(entries)));
      await this.#mark();
      if (holds(await this.entries())) return;
      if (tried >= 10) {
        throw new KedgeError(
          `Cannot write the index of "${this.folder}": another program keeps replacing it`,
        );
      }
    }
  }

  async #index(): Promise<Manifest | undefined> {
    if (!await this.isThere()) return undefined;
    const path = join(this.folder, "index.json");
    const bytes = readSmallFile(path);
    if (bytes !== undefined) {
      return parseManifest(bytes, { name: path, mediaType: MediaType.ociIndex });
    }
    throw new VerificationError(`Cannot read the layout "${this.folder}": it has no index.json`);
  }
}

/** The name of an entry of a layout's index. */
export function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[refNameAnnotation];
}

function indexText(manifests: readonly Descriptor[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
}
