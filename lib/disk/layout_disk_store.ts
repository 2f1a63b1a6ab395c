import { join } from "@std/path";
import { removeIfThere, temporaryName, writeFileAtomic } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { IncompleteError, VerificationError } from "../base/errors.ts";
import { linkFile } from "../base/files.ts";
import { hashFile } from "../base/hash_file.ts";
import type { ObjectMeter } from "../base/meter.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import { bufferFor } from "../chunk/write_chunks.ts";
import { checkBlobFile } from "../oci/check_blob_file.ts";
import { foreseeLayout } from "../oci/layout/foresee_layout.ts";
import { Layout } from "../oci/layout/layout.ts";
import { describeManifest, type Manifest, parseManifest } from "../oci/manifest.ts";
import { formatReference, type LayoutReference } from "../oci/reference.ts";
import type { DiskSource, DiskStore, ReadOptions } from "./disk_store.ts";
import { once, piecesOf } from "./pieces_of.ts";
import { roomHint, withRoom } from "./with_room.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A disk in a layout. */
export class LayoutDiskStore implements DiskStore {
  readonly name: string;
  readonly requestsPerRead = 0;
  readonly requestsPerPut = 0;
  readonly reference: LayoutReference;
  readonly layout: Layout;

  constructor(reference: LayoutReference, signal: AbortSignal) {
    this.reference = reference;
    this.name = formatReference(reference);
    this.layout = new Layout(reference.folder, signal);
  }

  get folder(): string {
    return this.layout.folder;
  }

  async resolve(): Promise<Manifest | undefined> {
    const { digest } = this.reference;
    if (digest !== undefined) return await this.layout.manifest(digest);
    const entry = await this.layout.find(this.reference.tag);
    if (entry === undefined) return undefined;
    const manifest = await this.layout.manifest(entry.digest, entry.mediaType);
    if (manifest !== undefined) return manifest;
    throw new VerificationError(
      `Cannot read "${this.name}": the layout has no blob ${entry.digest}`,
      { side: "source" },
    );
  }

  async pointer(): Promise<Digest | undefined> {
    return (await this.layout.find(this.reference.tag))?.digest;
  }

  async range(
    blob: DiskBlob,
    start: number,
    end: number,
    { buffer, onBytes }: ReadOptions,
  ): Promise<Bytes> {
    using file = await this.#open(blob);
    const bytes = bufferFor(end - start, buffer);
    await file.seek(start, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const count = await file.read(bytes.subarray(at));
      if (count === null) throw this.#damaged(blob);
      at += count;
    }
    onBytes?.(bytes.length);
    return bytes;
  }

  async *stream(blob: DiskBlob): AsyncGenerator<Uint8Array> {
    (await this.#open(blob)).close();
    yield* piecesOf(this.layout.blobPath(blob.digest), 0);
  }

  has(blob: DiskBlob): Promise<boolean> {
    return this.layout.has(blob);
  }

  foresee(): void {
    foreseeLayout(this.layout, { index: true, blobs: true, brings: true });
  }

  async put(blob: DiskBlob, content: string | Uint8Array, progress: ObjectMeter): Promise<void> {
    const body = typeof content === "string" ? piecesOf(content, 0) : once(content, 0);
    await this.#put(blob, body, progress);
  }

  async putStream(
    blob: DiskBlob,
    body: () => AsyncIterable<Uint8Array>,
    progress: ObjectMeter,
  ): Promise<void> {
    await this.#put(blob, body(), progress);
  }

  borrows(from: DiskSource): boolean {
    return from instanceof LayoutDiskStore;
  }

  async adopt(blob: DiskBlob, from: DiskSource): Promise<boolean> {
    if (await this.has(blob)) return true;
    if (!(from instanceof LayoutDiskStore)) return false;
    await this.layout.make();
    const temporary = temporaryName(join(this.layout.folder, "blobs", "sha256", "adopted"));
    try {
      // On another file system the bytes are copied by whoever asked.
      if (!await linkFile(from.layout.blobPath(blob.digest), temporary)) return false;
      const { digest } = await hashFile(temporary);
      if (digest !== blob.digest) throw from.#damaged(blob);
      await Deno.rename(temporary, this.layout.blobPath(blob.digest));
      return true;
    } catch (cause) {
      throw cause instanceof Deno.errors.NotFound ? from.#damaged(blob, cause) : cause;
    } finally {
      // Where another push adopted it meanwhile, it is a second name of the same file, which a rename leaves.
      await removeIfThere(temporary);
    }
  }

  async commit(bytes: Bytes): Promise<void> {
    await withRoom(this.layout.folder, roomHint, () => this.#commit(bytes));
  }

  async #commit(bytes: Bytes): Promise<void> {
    const manifest = parseManifest(bytes, { name: this.name });
    await this.layout.make();
    await writeFileAtomic(this.layout.blobPath(manifest.digest), bytes);
    const descriptor = describeManifest(manifest);
    // Who collects garbage holds the same lock: from here on the name keeps what it points to.
    await this.layout.pointAll(
      [{ name: this.reference.tag, descriptor }],
      () => this.#refuseMissing([descriptor, ...manifest.blobs]),
    );
  }

  [Symbol.dispose](): void {}

  async #refuseMissing(blobs: readonly DiskBlob[]): Promise<void> {
    for (const blob of blobs) {
      if (await this.has(blob)) continue;
      throw new IncompleteError(`Cannot finish "${this.name}": it lacks ${blob.digest}`, {
        side: "destination",
        hint: "is another program collecting garbage there? run the same command again",
      });
    }
  }

  async #put(
    blob: DiskBlob,
    body: AsyncIterable<Uint8Array>,
    progress: ObjectMeter,
  ): Promise<void> {
    const put = () => this.layout.putBlob(blob, body, (bytes) => progress.moved(bytes));
    await withRoom(this.layout.folder, roomHint, put);
  }

  async #open(blob: DiskBlob): Promise<Deno.FsFile> {
    const path = this.layout.blobPath(blob.digest);
    try {
      await checkBlobFile(path, blob, this.name);
      return await Deno.open(path);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw this.#damaged(blob, cause);
    }
  }

  #damaged(blob: DiskBlob, cause?: unknown): VerificationError {
    return new VerificationError(
      `Cannot read "${this.name}": the layout has no whole blob ${blob.digest}`,
      { side: "source", cause },
    );
  }
}
