/**
 * The blobs of a layout.
 *
 * Invariants: a blob has its final name only once its bytes were hashed and synced; work in progress lies in `.kedge/`, which other tools
 * do not look at; what killed processes left there without a name goes with the first write a day later.
 *
 * @module
 */
import { join } from "@std/path";
import { removeIfThere, syncFolder, temporaryName } from "../../base/atomic_file.ts";
import { type Digest, Hasher } from "../../base/digest.ts";
import { digestHex, isDigest } from "../../base/digest_text.ts";
import { VerificationError } from "../../base/errors.ts";
import { ifThere, isNotThere, writeAllSync } from "../../base/files.ts";
import { plainPath } from "../../base/plain_path.ts";
import { syncData } from "../../base/sync_data.ts";
import { type Descriptor, otherDigestHint } from "../descriptor.ts";
import { workName } from "./is_layout.ts";
import { removeLeftTemporaries } from "../../base/left_temporaries.ts";
import { type Manifest, parseManifest } from "../manifest.ts";
import { readSmallFile } from "./read_small_file.ts";

/** How long nothing was written to what a killed process left, before it goes. */
const leftMs = 24 * 3_600_000;

/** Reads and writes the blobs of a layout. */
export class LayoutBlobs {
  /** The folder. */
  readonly folder: string;
  #folders: Promise<void> | undefined;

  /** Touches no disk, but to find where a path leads that goes up out of another folder. */
  constructor(folder: string) {
    this.folder = plainPath(folder);
  }

  /** Where work in progress lies. */
  get workFolder(): string {
    return join(this.folder, workName);
  }

  /**
   * Where a blob is, or would be.
   *
   * @throws {VerificationError} if the digest is of another algorithm, as an entry of an index may have one
   */
  blobPath(digest: Digest): string {
    if (!isDigest(digest)) {
      const shown = JSON.stringify(String(digest).slice(0, 80));
      throw new VerificationError(
        `Cannot read a blob of "${this.folder}": the digest ${shown} is not sha256`,
        { hint: otherDigestHint },
      );
    }
    return join(this.folder, "blobs", "sha256", digestHex(digest));
  }

  /** Whether the blob is there in its full size. */
  async has(descriptor: Pick<Descriptor, "digest" | "size">): Promise<boolean> {
    const file = await Promise.resolve(lookThrough(this.blobPath(descriptor.digest)));
    return file !== undefined && file.isFile && file.size === descriptor.size;
  }

  /**
   * A manifest, hashed and checked; `undefined` if it is not there.
   *
   * @throws {VerificationError} if it is damaged
   */
  async manifest(digest: Digest, mediaType?: string): Promise<Manifest | undefined> {
    const path = this.blobPath(digest);
    const bytes = await Promise.resolve(readSmallFile(path));
    return bytes === undefined
      ? undefined
      : parseManifest(bytes, { name: path, digest, mediaType });
  }

  /** Keeps bytes of which the hash is known. */
  async putBytes(digest: Digest, bytes: Uint8Array): Promise<void> {
    await this.makeBlobFolder();
    const temporary = temporaryName(join(this.workFolder, digestHex(digest)));
    try {
      {
        using file = writtenFile(temporary, bytes);
        await file.syncData();
      }
      // Without a thread that does it, as everything else of so few bytes that need not be waited for.
      Deno.renameSync(temporary, this.blobPath(digest));
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
    await syncData(temporary);
    await Deno.rename(temporary, this.blobPath(digest));
  }

  /** Makes the folders that blobs, and what is to become one, lie in, if they are not there. */
  async makeBlobFolder(): Promise<void> {
    await (this.#folders ??= this.#makeFolders());
  }

  async #makeFolders(): Promise<void> {
    const folder = join(this.folder, "blobs", "sha256");
    try {
      if (!(await ifThere(Deno.stat(folder)))?.isDirectory) {
        await Deno.mkdir(folder, { recursive: true });
        await syncFolder(this.folder);
      }
      await Deno.mkdir(this.workFolder, { recursive: true });
      const oldestMs = Date.now() - leftMs;
      // What may not be removed by this user is in nobody's way.
      await removeLeftTemporaries([this.folder, this.workFolder], { oldestMs }).catch(() => 0);
    } catch (error) {
      this.#folders = undefined;
      throw error;
    }
  }
}

/** What a path leads to, through links, without a thread that looks: the way there and back takes many times as long as the look. */
function lookThrough(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** A new file of few bytes that are still to be synced, without a thread that writes them. */
function writtenFile(path: string, bytes: Uint8Array): Deno.FsFile {
  const file = Deno.openSync(path, { write: true, createNew: true });
  try {
    writeAllSync(file, bytes);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
