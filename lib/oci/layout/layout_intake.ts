/**
 * Brings blobs into a layout, and goes on where an earlier run was ended, by whatever.
 *
 * Invariants: a blob that is under way lies in `.kedge/partials/` under its digest, and one process at a time works on it; what an
 * earlier run left is hashed with the rest, and thrown away as a whole when the digest is wrong; the final name comes after
 * the digest and the sync. A small blob is held in memory until then, and leaves nothing behind.
 *
 * @module
 */
import { join } from "@std/path";
import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { whileRoom } from "../../base/disk_space.ts";
import { lockFile } from "../../base/file_lock.ts";
import { type Meter, silentMeter } from "../../base/meter.ts";
import { dataName } from "../../http/control_file.ts";
import type { Extents } from "../../http/extents.ts";
import { remainingPieces } from "../../http/plan_pieces.ts";
import type { Descriptor } from "../descriptor.ts";
import { FileHashers } from "../file_hashers.ts";
import type { BlobTransfer, ImageSource, TransferCost } from "../image_store.ts";
import type { Layout } from "./layout.ts";
import { LeftParts, rangedFromBytes } from "./left_parts.ts";
import type { LocalBlob, LocalBlobs } from "../local_blobs.ts";
import { streamIntoFile, streamIntoMemory } from "../registry/stream_into_file.ts";
import { wrongDigest } from "../wrong_digest.ts";

/** What a {@linkcode LayoutIntake} works with. */
export interface LayoutIntakeOptions {
  /** Told of what is noteworthy. */
  meter?: Meter | undefined;
  /** Hash what arrives; ended by who lent them. @default {its own} */
  hashers?: FileHashers | undefined;
  /** Where else on this machine a blob may be. */
  local?: LocalBlobs | undefined;
}

/** Blobs up to this size are sooner fetched anew than gone on with. */
const smallBytes = 256 * 1024;

/** Takes blobs into one layout. */
export class LayoutIntake implements Disposable {
  #layout: Layout;
  #meter: Meter;
  #hashers: FileHashers;
  #own: boolean;
  #local: LocalBlobs | undefined;
  #left: LeftParts;
  #nowhere = new Set<Digest>();

  /** Touches no disk. */
  constructor(layout: Layout, options: LayoutIntakeOptions = {}) {
    this.#layout = layout;
    this.#meter = options.meter ?? silentMeter;
    this.#own = options.hashers === undefined;
    this.#hashers = options.hashers ?? new FileHashers();
    this.#local = options.local;
    this.#left = new LeftParts(join(layout.workFolder, "partials"));
  }

  /** What it will cost to take a blob. */
  async cost(descriptor: Descriptor, source: ImageSource): Promise<TransferCost> {
    const { size } = descriptor;
    const diskBytes = Math.max(0, size - await this.#left.takenBytes(descriptor));
    if (source.path !== undefined) return { requests: 0, reusedBytes: 0, diskBytes };
    const local = await this.#find(descriptor);
    if (local !== undefined) {
      const more = local.linkable ? 0 : diskBytes;
      return { requests: 0, reusedBytes: size, nearby: true, diskBytes: more };
    }
    const ranged = isRanged(descriptor, source);
    const done = await this.#left.of(descriptor, ranged);
    const reusedBytes = done.bytes;
    const asked = ranged || reusedBytes < size ? await source.requestsPerRead(descriptor) : 0;
    const requests = ranged ? await this.#requests(size, done) : asked;
    return { requests, reusedBytes, diskBytes: Math.min(diskBytes, size - reusedBytes) };
  }

  /** Requests that a blob will cost that is fetched in ranges. */
  async #requests(size: number, done: Extents): Promise<number> {
    const start = done.prefix;
    if (start >= size) return 1;
    const next = [...done].find((extent) => extent.start > start)?.start ?? size;
    const [{ firstPieceBytes }, { connections }] = await Promise.all([
      import("../../http/probe.ts"),
      import("../registry/ranges_into_file.ts"),
    ]);
    const end = Math.min(start + firstPieceBytes, next);
    return 1 + remainingPieces({ start, end, size, ranges: true }, done, connections).length;
  }

  /**
   * Takes a blob.
   *
   * @throws {VerificationError} if its bytes are wrong
   * @throws {UnreachableError} if they did not come
   * @throws {NoRoomError} if the disk is full
   */
  async take(transfer: BlobTransfer): Promise<void> {
    await whileRoom(this.#layout.folder, () => this.#take(transfer));
  }

  async #take(transfer: BlobTransfer): Promise<void> {
    const { descriptor, source, signal, progress } = transfer;
    const { digest, size } = descriptor;
    if (
      size <= smallBytes && source.path === undefined && !await this.#left.has(descriptor) &&
      await this.#find(descriptor) === undefined
    ) {
      await this.#layout.putBytes(digest, await streamIntoMemory(transfer));
      return;
    }
    await this.#layout.makeBlobFolder();
    const folder = this.#left.folder(descriptor);
    using _lock = await lockFile(`${folder}.lock`, { signal });
    if (await this.#layout.has(descriptor)) {
      progress.reused(size);
      return;
    }
    const isNew = makeFolder(folder);
    const path = join(folder, dataName);
    if (source.path !== undefined) {
      await this.#takeSourceFile(transfer, source.path(descriptor), path);
    } else if (!await this.#takeLocal(transfer, path)) {
      const places = isRanged(descriptor, source) ? source.downloads?.(digest) : undefined;
      if (places === undefined) {
        if (!isNew) await this.#left.dropRanges(descriptor);
        await streamIntoFile(transfer, path, { hashers: this.#hashers, meter: this.#meter });
      } else {
        const { rangesIntoFile } = await import("../registry/ranges_into_file.ts");
        await rangesIntoFile(transfer, places, folder, this.#meter);
      }
    }
    await this.#layout.placeBlob(path, digest);
    await Deno.remove(folder, { recursive: true });
  }

  /** Ends the hashing. */
  [Symbol.dispose](): void {
    if (this.#own) this.#hashers[Symbol.dispose]();
  }

  /** What a plan found nowhere is not looked for again. */
  async #find(descriptor: Descriptor): Promise<LocalBlob | undefined> {
    if (this.#nowhere.has(descriptor.digest)) return undefined;
    const found = await this.#local?.find(descriptor, this.#layout.folder);
    if (found === undefined) this.#nowhere.add(descriptor.digest);
    return found;
  }

  async #takeSourceFile(transfer: BlobTransfer, from: string, path: string): Promise<void> {
    const { descriptor, source, progress } = transfer;
    let got: { digest: Digest; size: number };
    try {
      got = await this.#file(transfer, from, path, false);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw new VerificationError(
        `Cannot read "${source.name}": the layout has no blob ${descriptor.digest}`,
        { side: "source", cause },
      );
    }
    progress.moved(got.size);
    if (got.digest === descriptor.digest && got.size === descriptor.size) return;
    throw wrongDigest(descriptor, source.name, got.digest);
  }

  /** Takes the blob from elsewhere on this machine; `false` where it is nowhere, or damaged. */
  async #takeLocal(transfer: BlobTransfer, path: string): Promise<boolean> {
    const { descriptor, progress } = transfer;
    const local = await this.#find(descriptor);
    if (local === undefined) return false;
    let state: string;
    try {
      const { digest } = await this.#file(transfer, local.path, path, local.linkable);
      if (digest === descriptor.digest) {
        progress.reused(descriptor.size);
        return true;
      }
      state = `its bytes have the digest ${digest}`;
    } catch (error) {
      transfer.signal.throwIfAborted();
      state = (error as Error).message;
    }
    this.#meter.note(`"${local.path}" is of no use: ${state}`, "warning");
    return false;
  }

  async #file(transfer: BlobTransfer, from: string, path: string, link: boolean) {
    const { descriptor, signal } = transfer;
    const { takeFile } = await import("./take_file.ts");
    return await takeFile(from, path, descriptor, { link, hashers: this.#hashers, signal });
  }
}

/** Makes a folder in one that is there, without a thread that does it; `false` if it was there already. */
function makeFolder(path: string): boolean {
  try {
    Deno.mkdirSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

function isRanged({ size }: Descriptor, source: ImageSource): boolean {
  return size >= rangedFromBytes && source.downloads !== undefined;
}
