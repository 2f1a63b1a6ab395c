/**
 * Brings blobs into a layout, and goes on where an earlier run was ended, by whatever.
 *
 * Invariants: a blob that is under way lies in `.kedge/partials/` under its digest, and one process at a time works on it; what an
 * earlier run left is hashed with the rest, and thrown away as a whole when the digest is wrong; the final name comes after
 * the digest and the sync. What fetches in ranges is loaded by the first blob that is missing.
 *
 * @module
 */
import { join } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { KedgeError, NoRoomError, UnreachableError, VerificationError } from "../base/errors.ts";
import { whileRoom } from "../base/disk_space.ts";
import { lockFile } from "../base/file_lock.ts";
import { hashFile } from "../base/hash_file.ts";
import { ifThere } from "../base/files.ts";
import { type Meter, silentMeter } from "../base/meter.ts";
import { dataName } from "../http/control_file.ts";
import { Extents } from "../http/extents.ts";
import { remainingPieces } from "../http/plan_pieces.ts";
import { readSoundControl } from "../http/sound_control.ts";
import type { Descriptor } from "./descriptor.ts";
import { FileHashers } from "./file_hashers.ts";
import type { BlobTransfer, ImageSource, RangedDownload, TransferCost } from "./image_store.ts";
import type { Layout } from "./layout.ts";
import type { LocalBlobs } from "./local_blobs.ts";
import { wrongDigest } from "./wrong_digest.ts";

/** What a {@linkcode LayoutIntake} works with. */
export interface LayoutIntakeOptions {
  /** Told of what is noteworthy. */
  meter?: Meter | undefined;
  /** Hash what arrives; ended by who lent them. @default {its own} */
  hashers?: FileHashers | undefined;
  /** Where else on this machine a blob may be. */
  local?: LocalBlobs | undefined;
}

/** Blobs of this size and more are fetched over several connections, in ranges. */
export const rangedFromBytes: number = 64 * 1024 * 1024;
const connections = 4;
const workerFromBytes = 4 * 1024 * 1024;

/** Takes blobs into one layout. */
export class LayoutIntake implements Disposable {
  #layout: Layout;
  #meter: Meter;
  #hashers: FileHashers;
  #own: boolean;

  #local: LocalBlobs | undefined;

  /** Touches no disk. */
  constructor(layout: Layout, options: LayoutIntakeOptions = {}) {
    this.#layout = layout;
    this.#meter = options.meter ?? silentMeter;
    this.#own = options.hashers === undefined;
    this.#hashers = options.hashers ?? new FileHashers();
    this.#local = options.local;
  }

  /** What it will cost to take a blob. */
  async cost(descriptor: Descriptor, source: ImageSource): Promise<TransferCost> {
    const { size } = descriptor;
    if (source.path !== undefined) return { requests: 0, reusedBytes: 0, diskBytes: size };
    const local = await this.#local?.find(descriptor, this.#layout.folder);
    if (local !== undefined) {
      return { requests: 0, reusedBytes: size, diskBytes: local.linkable ? 0 : size };
    }
    const reusedBytes = await this.#partialBytes(descriptor);
    const asked = await source.requestsPerRead(descriptor);
    const requests = asked === 0 ? 0 : await this.#requests(descriptor);
    return { requests, reusedBytes, diskBytes: size - reusedBytes };
  }

  /** Bytes of a blob that an earlier run left. */
  async #partialBytes(descriptor: Descriptor): Promise<number> {
    const folder = this.#folder(descriptor);
    const control = await readSoundControl(folder, descriptor.digest);
    if (control !== undefined) return new Extents(control.done).bytes;
    if (descriptor.size >= rangedFromBytes) return 0;
    return Math.min(await sizeOf(join(folder, dataName)), descriptor.size);
  }

  /** Requests that the blob will cost when it comes from a registry. */
  async #requests(descriptor: Descriptor): Promise<number> {
    const { digest, size } = descriptor;
    if (size < rangedFromBytes) return (await this.#partialBytes(descriptor)) < size ? 1 : 0;
    const control = await readSoundControl(this.#folder(descriptor), digest);
    const done = new Extents(control?.done);
    const start = done.prefix;
    if (start >= size) return 1;
    const next = [...done].find((extent) => extent.start > start)?.start ?? size;
    const { firstPieceBytes } = await import("../http/probe.ts");
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
    const { digest } = descriptor;
    await this.#layout.makeBlobFolder();
    using _lock = await lockFile(`${this.#folder(descriptor)}.lock`, { signal });
    if (await this.#layout.has(descriptor)) {
      progress.reused(descriptor.size);
      return;
    }
    const folder = this.#folder(descriptor);
    await Deno.mkdir(folder, { recursive: true });
    const path = join(folder, dataName);
    if (source.path !== undefined) {
      await this.#takeSourceFile(transfer, source.path(descriptor), path);
    } else if (!await this.#takeLocal(transfer, path)) {
      const downloads = descriptor.size >= rangedFromBytes ? source.downloads?.(digest) : undefined;
      if (downloads === undefined) await this.#takeStream(transfer, path);
      else await this.#takeRanged(transfer, downloads, folder);
    }
    await this.#layout.placeBlob(path, digest);
    await Deno.remove(folder, { recursive: true });
  }

  /** Ends the hashing. */
  [Symbol.dispose](): void {
    if (this.#own) this.#hashers[Symbol.dispose]();
  }

  #folder(descriptor: Descriptor): string {
    return join(this.#layout.workFolder, "partials", digestHex(descriptor.digest));
  }

  /** A ranged download; where one place fails, the next goes on where it ended. */
  async #takeRanged(
    transfer: BlobTransfer,
    downloads: readonly RangedDownload[],
    folder: string,
  ): Promise<void> {
    for (const [at, place] of downloads.entries()) {
      try {
        return await this.#download(transfer, place, folder);
      } catch (error) {
        transfer.signal.throwIfAborted();
        if (at === downloads.length - 1 || !(error instanceof KedgeError)) throw error;
        if (error instanceof NoRoomError) throw error;
        this.#meter.note(`${error.message}; going on with the next place`, "warning");
      }
    }
  }

  async #download(
    { descriptor, source, progress, signal }: BlobTransfer,
    { client, url, retry }: RangedDownload,
    folder: string,
  ): Promise<void> {
    const { digest } = descriptor;
    const [{ probe }, { download }] = await Promise.all([
      import("../http/probe.ts"),
      import("../http/download.ts"),
    ]);
    const control = await readSoundControl(folder, digest);
    const request = {
      url: url.href,
      action: "get the blob",
      digestKnown: true,
      ...(control?.size === descriptor.size ? { partial: control } : {}),
    };
    const found = await probe(client, request);
    if (found.state !== "found") throw new UnreachableError(`Cannot get ${digest}: it is a 304`);
    if (found.size !== undefined && found.size !== descriptor.size) {
      await found.response.body?.cancel();
      throw new VerificationError(
        `Cannot take ${digest} from "${source.name}": it has ${found.size} bytes, not ${descriptor.size}`,
        { side: "source" },
      );
    }
    const got = await download({
      client,
      request,
      probe: found,
      folder,
      source: digest,
      digest,
      connections,
      partSums: true,
      retry,
      meter: this.#meter,
      object: progress,
      signal,
    });
    if (got.digest === digest) return;
    await Deno.remove(folder, { recursive: true });
    throw wrongDigest(descriptor, source.name, got.digest);
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
    const local = await this.#local?.find(descriptor, this.#layout.folder);
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

  async #takeStream(transfer: BlobTransfer, path: string): Promise<void> {
    const { descriptor, source, progress, signal } = transfer;
    const { size } = descriptor;
    for (let resumed = true;; resumed = false) {
      using file = await Deno.open(path, { read: true, write: true, create: true });
      const before = resumed ? Math.min(await sizeOf(path), size) : 0;
      await file.truncate(before);
      await file.seek(before, Deno.SeekMode.Start);
      if (before > 0) progress.reused(before);
      using hash = size >= workerFromBytes ? this.#hashers.open(path) : undefined;
      let at = before;
      for await (
        const piece of before < size || size === 0 ? source.read(descriptor, before, signal) : []
      ) {
        at += piece.byteLength;
        if (at > size) {
          await Deno.remove(path);
          throw new VerificationError(
            `Cannot take ${descriptor.digest} from "${source.name}": it has more than ${size} bytes`,
            { side: "source", data: { expected: descriptor.digest, sizeBytes: size } },
          );
        }
        writeAll(file, piece);
        progress.moved(piece.byteLength);
        hash?.grown(at);
      }
      if (at < size) {
        throw new UnreachableError(
          `Cannot take ${descriptor.digest} from "${source.name}": it ended after ${at} of ${size} bytes`,
          { side: "source" },
        );
      }
      const digest = await hash?.digest(size, signal) ?? (await hashFile(path, { signal })).digest;
      if (digest === descriptor.digest) return;
      if (before === 0) {
        await Deno.remove(path);
        throw wrongDigest(descriptor, source.name, digest);
      }
      this.#meter.note(`what an earlier run left of ${descriptor.digest} is damaged`, "warning");
      progress.restarted();
    }
  }
}

function writeAll(file: Deno.FsFile, piece: Uint8Array): void {
  for (let from = 0; from < piece.byteLength;) {
    from += file.writeSync(from === 0 ? piece : piece.subarray(from));
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await ifThere(Deno.stat(path)))?.size ?? 0;
}
