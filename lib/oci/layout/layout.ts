/**
 * A folder of the OCI image layout 1.0.
 *
 * Invariants: the index is replaced in one rename, under a lock, and looked at afterwards, so that a writer without the lock loses no tag
 * of ours in silence; what others wrote into it stays, entries without a name or of another algorithm too; a file that is cut is looked
 * at again, since others write in place; a folder that holds other things is never taken for a layout to be.
 *
 * @module
 */
import { join } from "@std/path";
import { syncFolder, writeFileAtomic } from "../../base/atomic_file.ts";
import { defined } from "../../base/defined.ts";
import type { Digest } from "../../base/digest.ts";
import { isNoRoom, KedgeError, NoRoomError, VerificationError } from "../../base/errors.ts";
import { ifThere } from "../../base/files.ts";
import { lockFile } from "../../base/file_lock.ts";
import type { Descriptor } from "../descriptor.ts";
import { isLayout } from "./is_layout.ts";
import { LayoutBlobs } from "./layout_blobs.ts";
import {
  describeManifest,
  largestManifestBytes,
  type Manifest,
  parseManifest,
} from "../manifest.ts";
import { MediaType } from "../media_type.ts";
import { readSmallFile } from "./read_small_file.ts";
import { imagesAmong, referrersTag, withReferrer } from "../referrers.ts";
import { whileWritten } from "./while_written.ts";

/** The annotation that holds the name of an image in a layout. */
const refNameAnnotation = "org.opencontainers.image.ref.name";

/** Marks the entry of the image that was brought to the layout without a name: the next one takes its place, and no other's. */
const unnamedAnnotation = "dev.kedge.unnamed";

const layoutText = '{"imageLayoutVersion":"1.0.0"}';

/** A name, or the entry of the image that has none, and the manifest that it is to point to. */
export interface LayoutPointer {
  /** The name. */
  readonly name: string | undefined;
  /** The manifest, which is there. */
  readonly descriptor: Descriptor;
  /** What the name is to point to instead, given what it points to now. */
  readonly renewed?: ((standing: Digest | undefined) => Promise<Descriptor>) | undefined;
}

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
    return await whileWritten(() => isLayout(this.folder));
  }

  /** The entries of the index, in their order; none where the layout is not there yet. Others may have named some by another algorithm. */
  async entries(): Promise<readonly Descriptor[]> {
    return (await this.#index())?.manifests ?? [];
  }

  /** The entry of a name; without a name, the image that was brought without one, else the only one that has none, else the only one. */
  async find(name: string | undefined): Promise<Descriptor | undefined> {
    const entries = await this.entries();
    if (name !== undefined) return entryOf(entries, name);
    const found = entries.length === 1 ? entries[0] : entries.find(isUnnamedImage);
    if (found !== undefined) return found;
    // Some tools list without a name what is attached to an image.
    const { withoutAttached } = await import("./without_attached.ts");
    const images = await withoutAttached(this, imagesAmong(entries, nameOf));
    return entryOf(images, undefined) ?? (images.length === 1 ? images[0] : undefined);
  }

  /** Makes a name, or the entry of the image that has none, point to a manifest that is here. */
  async point(name: string | undefined, descriptor: Descriptor): Promise<void> {
    await this.pointAll([{ name, descriptor }]);
  }

  /** Makes several names point to manifests that are here, in one step; `check` looks under the lock whether they still are. */
  async pointAll(
    pointers: readonly LayoutPointer[],
    check: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    await this.#edit(async (entries) => {
      await check();
      const standing = new Map(entries.map((entry) => [placeOf(entry), entry.digest]));
      const fresh = new Map<string | undefined, Descriptor>();
      for (const { name, descriptor, renewed } of pointers) {
        const own: Record<string, string> = name === undefined
          ? { [unnamedAnnotation]: "true" }
          : { [refNameAnnotation]: name };
        const now = await renewed?.(standing.get(name)) ?? descriptor;
        const entry = { ...now, annotations: { ...now.annotations, ...own } };
        fresh.set(placeOf(entry), entry);
      }
      return [...fresh].every(([place, { digest }]) => standing.get(place) === digest)
        ? undefined
        : [...entries.filter((entry) => !fresh.has(placeOf(entry))), ...fresh.values()];
    });
  }

  /** Puts a manifest on the list of what is attached to its subject. */
  async attach(subject: Digest, referrer: Manifest): Promise<void> {
    const name = referrersTag(subject);
    await this.#edit(async (entries) => {
      const entry = entryOf(entries, name);
      const standing = entry && await this.manifest(entry.digest, entry.mediaType);
      const list = withReferrer(standing?.manifests ?? [], referrer);
      if (list === undefined) return undefined;
      await this.putBytes(list.digest, list.bytes);
      const listed = { ...describeManifest(list), annotations: { [refNameAnnotation]: name } };
      return [...entries.filter((each) => nameOf(each) !== name), listed];
    });
  }

  /**
   * Takes entries away; their blobs stay until they are collected.
   *
   * @param isHeld whether who asks for it holds the lock of the index
   * @throws {NoRoomError} if the disk has no room for the index without them
   */
  async drop(fits: (entry: Descriptor) => boolean, isHeld = false): Promise<void> {
    const change = (entries: readonly Descriptor[]) =>
      entries.some(fits) ? entries.filter((entry) => !fits(entry)) : undefined;
    try {
      await (isHeld ? this.#editHeld(change) : this.#edit(change));
    } catch (cause) {
      if (!isNoRoom(cause)) throw cause;
      throw new NoRoomError(`Cannot write the index of "${this.folder}": the disk is full`, {
        cause,
        hint: "make room for some KiB, and run it again",
      });
    }
  }

  /** Makes the marks of an empty layout, if they are not there. */
  async make(): Promise<void> {
    await this.makeBlobFolder();
    const index = join(this.folder, "index.json");
    await writeFileAtomic(index, indexText({}, []), { createNew: true });
    await this.#mark();
  }

  /** What makes the folder a layout comes after its index. */
  async #mark(): Promise<void> {
    const path = join(this.folder, "oci-layout");
    if (await ifThere(Deno.stat(path)) !== undefined) return;
    await writeFileAtomic(path, layoutText, { createNew: true });
  }

  /** Changes the index until it is as it was meant to be, which `change` tells by giving nothing. */
  async #edit(change: Change): Promise<void> {
    await this.makeBlobFolder();
    await syncFolder(join(this.folder, "blobs", "sha256"));
    using _lock = await lockFile(join(this.workFolder, "lock"), defined({ signal: this.#signal }));
    await this.#editHeld(change);
  }

  async #editHeld(change: Change): Promise<void> {
    const path = join(this.folder, "index.json");
    // An index without the mark is of a writer that was ended between the two, and what it says stays.
    if (await ifThere(Deno.stat(path)) !== undefined) await this.#mark();
    for (let tried = 0;; tried++) {
      const index = await this.#index();
      const changed = await change(index?.manifests ?? []);
      if (changed === undefined) return;
      if (tried > 10) throw this.#unwritten("another program keeps replacing it");
      const text = indexText(index === undefined ? {} : jsonOf(index), changed);
      if (new TextEncoder().encode(text).byteLength > largestManifestBytes) {
        throw this.#unwritten(`it would have more than ${largestManifestBytes} bytes`);
      }
      await writeFileAtomic(path, text);
      await this.#mark();
    }
  }

  #unwritten(state: string): KedgeError {
    return new KedgeError(`Cannot write the index of "${this.folder}": ${state}`);
  }

  async #index(): Promise<Manifest | undefined> {
    return await whileWritten(() => this.#readIndex());
  }

  async #readIndex(): Promise<Manifest | undefined> {
    if (!await isLayout(this.folder)) return undefined;
    const path = join(this.folder, "index.json");
    const bytes = readSmallFile(path);
    if (bytes !== undefined) {
      const mediaType = MediaType.ociIndex;
      return parseManifest(bytes, { name: path, mediaType, anyAlgorithm: true });
    }
    throw new VerificationError(`Cannot read the layout "${this.folder}": it has no index.json`);
  }
}

/** The name of an entry of a layout's index. */
export function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[refNameAnnotation] || undefined;
}

/** The entry that stands for a name; without one, the image that was brought without a name, else the only one that has none. */
export function entryOf(
  entries: readonly Descriptor[],
  name: string | undefined,
): Descriptor | undefined {
  if (name !== undefined) return entries.find((entry) => nameOf(entry) === name);
  const unnamed = entries.filter((entry) => nameOf(entry) === undefined);
  return unnamed.find(isUnnamedImage) ?? (unnamed.length === 1 ? unnamed[0] : undefined);
}

function isUnnamedImage(entry: Descriptor): boolean {
  return nameOf(entry) === undefined && entry.annotations?.[unnamedAnnotation] !== undefined;
}

type Changed = readonly Descriptor[] | undefined;
type Change = (entries: readonly Descriptor[]) => Changed | Promise<Changed>;

/** What may be replaced of an index: a name, or the one image without any; other entries are of others. */
function placeOf(entry: Descriptor): string | undefined {
  return nameOf(entry) ?? (isUnnamedImage(entry) ? "" : undefined);
}

function jsonOf({ bytes }: Manifest): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function indexText(index: Record<string, unknown>, manifests: readonly Descriptor[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    ...index,
    manifests,
  });
}
