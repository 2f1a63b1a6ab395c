import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { hashFile } from "../base/hash_file.ts";
import type { Meter } from "../base/meter.ts";
import type { Descriptor } from "./descriptor.ts";
import type { ImageSource } from "./image_store.ts";
import type { LocalBlobs } from "./local_blobs.ts";
import { readBlobFile } from "./read_blob_file.ts";

/** The files of this machine from which blobs are sent that the source then need not be asked for; one that is of no use is not taken again. */
export class LocalFiles {
  #local: LocalBlobs;
  #meter: Meter;
  #useless = new Set<Digest>();

  /** Looks nowhere yet. */
  constructor(local: LocalBlobs, meter: Meter) {
    this.#local = local;
    this.#meter = meter;
  }

  /** A file that seems to hold a blob, where the source is not on this machine itself. */
  async find(descriptor: Descriptor, source: ImageSource): Promise<string | undefined> {
    if (source.path !== undefined || this.#useless.has(descriptor.digest)) return undefined;
    return (await this.#local.find(descriptor))?.path;
  }

  /** A file that holds a blob, hashed; for whoever cannot be sent other bytes once some were wrong. */
  async sound(
    descriptor: Descriptor,
    source: ImageSource,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const path = await this.find(descriptor, source);
    if (path === undefined) return undefined;
    try {
      const { digest } = await hashFile(path, { signal });
      if (digest === descriptor.digest) return path;
      this.#drop(descriptor, path, `its bytes have the digest ${digest}`);
    } catch (error) {
      signal.throwIfAborted();
      this.#drop(descriptor, path, (error as Error).message);
    }
    return undefined;
  }

  /** The bytes of a file from an offset on, not yet hashed. */
  async *read(
    path: string,
    descriptor: Descriptor,
    start: number,
  ): AsyncIterableIterator<Uint8Array> {
    try {
      yield* readBlobFile(path, { descriptor, name: path, start });
    } catch (cause) {
      if (cause instanceof VerificationError) throw cause;
      throw new VerificationError(`Cannot read "${path}": ${(cause as Error).message}`, {
        side: "source",
        cause,
      });
    }
  }

  /** Whether to go on with the source after a failure to send from a file. */
  passOver(path: string, descriptor: Descriptor, error: unknown): boolean {
    if (!(error instanceof VerificationError) || error.side !== "source") return false;
    this.#drop(descriptor, path, error.message);
    return true;
  }

  #drop({ digest }: Descriptor, path: string, state: string): void {
    this.#useless.add(digest);
    this.#meter.note(`"${path}" is of no use: ${state}`, "warning");
  }
}
