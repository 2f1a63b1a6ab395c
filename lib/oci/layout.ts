/**
 * A folder of the OCI image layout 1.0.
 *
 * Invariants: a blob has its final name only once its bytes were hashed and synced; the index is replaced in one rename, under a lock,
 * and looked at afterwards, so that a writer without the lock loses no tag of ours in silence; work in progress lies in `.kedge/`,
 * which other tools do not look at; a folder that holds other things is never taken for a layout to be.
 *
 * @module
 */
import { join } from "@std/path";
import { removeIfThere, syncFolder, temporaryName, writeFileAtomic } from "../base/atomic_file.ts";
import { defined } from "../base/defined.ts";
import { type Digest, Hasher } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import { lockFile } from "../base/file_lock.ts";
import { isNotThere } from "../base/files.ts";
import { isLayout, workName } from "./is_layout.ts";
import type { Descriptor } from "./descriptor.ts";
import { largestManifestBytes, type Manifest, parseManifest } from "./manifest.ts";
import { MediaType } from "./media_type.ts";

/** The annotation that holds the name of an image in a layout. */
export const refNameAnnotation = "org.opencontainers.image.ref.name";

const layoutText = '{"imageLayoutVersion":"1.0.0"}';

/** Reads and writes a layout. */
export class Layout {
  /** The folder. */
  readonly folder: string;

  #signal: AbortSignal | undefined;

  /** Touches no disk; the signal ends a wait for other writers of the index. */
  constructor(folder: string, signal?: AbortSignal) {
    this.folder = folder;
    this.#signal = signal;
  }

  /** Where work in progress lies. */
  get workFolder(): string {
    return join(this.folder, workName);
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

  /** Where a blob is, or would be. */
  blobPath(digest: Digest): string {
    return join(this.folder, "blobs", "sha256", digestHex(digest));
  }

  /** Whether the blob is there in its full size. */
  async has(descriptor: Pick<Descriptor, "digest" | "size">): Promise<boolean> {
    try {
      const { isFile, size } = await Deno.stat(this.blobPath(descriptor.digest));
      return isFile && size === descriptor.size;
    } catch (error) {
      if (isNotThere(error)) return false;
      throw error;
    }
  }

  /**
   * A manifest, hashed and checked; `undefined` if it is not there.
   *
   * @throws {VerificationError} if it is damaged
   */
  async manifest(digest: Digest, mediaType?: string): Promise<Manifest | undefined> {
    const path = this.blobPath(digest);
    try {
      const { size } = await Deno.stat(path);
      if (size > largestManifestBytes) {
        throw new VerificationError(
          `Cannot read the manifest "${path}": it has ${size} bytes, more than ${largestManifestBytes}`,
        );
      }
      return parseManifest(await Deno.readFile(path), { name: path, digest, mediaType });
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw error;
    }
  }

  /** Keeps bytes of which the hash is known. */
  async putBytes(digest: Digest, bytes: Uint8Array): Promise<void> {
    await this.makeBlobFolder();
    await Deno.mkdir(this.workFolder, { recursive: true });
    const temporary = temporaryName(join(this.workFolder, digestHex(digest)));
    try {
      await Deno.writeFile(temporary, bytes, { createNew: true });
      await this.placeBlob(temporary, digest);
    } catch (error) {
      await removeIfThere(temporary);
      throw error;
    }
  }

  /**
   * Keeps a blob: the bytes are hashed as they come, synced, and given their name once size and digest are right.
   *
   * @throws {VerificationError} if they are not those of the descriptor
   */
  async putBlob(
    descriptor: Descriptor,
    body: AsyncIterable<Uint8Array>,
    onWritten?: (bytes: number) => void,
  ): Promise<void> {
    await this.makeBlobFolder();
    await Deno.mkdir(this.workFolder, { recursive: true });
    const temporary = temporaryName(join(this.workFolder, digestHex(descriptor.digest)));
    const hasher = new Hasher();
    try {
      {
        using file = await Deno.open(temporary, { write: true, createNew: true });
        for await (const piece of body) {
          hasher.update(piece);
          for (let from = 0; from < piece.byteLength;) {
            from += await file.write(from === 0 ? piece : piece.subarray(from));
          }
          onWritten?.(piece.byteLength);
        }
      }
      if (hasher.size !== descriptor.size || hasher.digest() !== descriptor.digest) {
        throw new VerificationError(
          `Cannot keep ${descriptor.digest}: ${hasher.size} bytes of ${descriptor.size} came, ` +
            `with the digest ${hasher.digest()}`,
        );
      }
      await this.placeBlob(temporary, descriptor.digest);
    } catch (error) {
      await removeIfThere(temporary);
      throw error;
    }
  }

  /** Gives a file of verified bytes the name of its blob; the folder is synced before anything points into it. */
  async placeBlob(temporary: string, digest: Digest): Promise<void> {
    {
      using file = await Deno.open(temporary, { read: true, write: true });
      await file.syncData();
    }
    await Deno.rename(temporary, this.blobPath(digest));
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

  /** Takes a name away; its blobs stay until they are collected. */
  async unpoint(name: string): Promise<void> {
    await this.#edit(
      (entries) => entries.filter((entry) => nameOf(entry) !== name),
      (entries) => !entries.some((entry) => nameOf(entry) === name),
    );
  }

  /** Makes the marks of an empty layout, if they are not there. */
  async make(): Promise<void> {
    await this.makeBlobFolder();
    const index = join(this.folder, "index.json");
    await writeFileAtomic(index, indexText([]), { createNew: true });
    await writeFileAtomic(join(this.folder, "oci-layout"), layoutText, { createNew: true });
  }

  async #edit(
    change: (entries: readonly Descriptor[]) => Descriptor[],
    holds: (entries: readonly Descriptor[]) => boolean,
  ): Promise<void> {
    await this.make();
    await syncFolder(join(this.folder, "blobs", "sha256"));
    using _lock = await lockFile(join(this.workFolder, "lock"), defined({ signal: this.#signal }));
    for (let tried = 0;; tried++) {
      const entries = await this.entries();
      await writeFileAtomic(join(this.folder, "index.json"), indexText(change(entries)));
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
    try {
      return parseManifest(await Deno.readFile(path), {
        name: path,
        mediaType: MediaType.ociIndex,
      });
    } catch (error) {
      if (!isNotThere(error)) throw error;
      throw new VerificationError(`Cannot read the layout "${this.folder}": it has no index.json`);
    }
  }

  /** Makes the folder that blobs lie in, if it is not there. */
  async makeBlobFolder(): Promise<void> {
    const folder = join(this.folder, "blobs", "sha256");
    try {
      if ((await Deno.stat(folder)).isDirectory) return;
    } catch (error) {
      if (!isNotThere(error)) throw error;
    }
    await Deno.mkdir(folder, { recursive: true });
    await syncFolder(this.folder);
  }
}

/** The name of an entry of a layout's index. */
export function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[refNameAnnotation];
}

function indexText(manifests: readonly Descriptor[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
}
