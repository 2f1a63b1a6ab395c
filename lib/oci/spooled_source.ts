/**
 * A source that several destinations read: each blob and each manifest is asked for once, into a folder of its own, and read from there.
 *
 * Invariants: what an earlier run left in the folder, whole blobs and parts, is not asked for again, and is hashed before anyone reads it.
 *
 * @module
 */
import { removeIfThere } from "../base/atomic_file.ts";
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { hashFile } from "../base/hash_file.ts";
import { silentMeter } from "../base/meter.ts";
import type { Descriptor } from "./descriptor.ts";
import type { ImageSource } from "./image_store.ts";
import { Layout } from "./layout.ts";
import { LayoutIntake } from "./layout_intake.ts";
import type { Manifest } from "./manifest.ts";
import type { Limit } from "./pace.ts";
import { readBlobFile } from "./read_blob_file.ts";

/** Where blobs lie for those who share a source; an upper floor lends it. */
export interface SpoolFolder {
  /** The folder that an earlier run left, or one that is not there; nothing is changed. */
  left(): Promise<string>;
  /** The folder, which is this process's own from now on. */
  own(): Promise<string>;
}

/** Reads once for all. */
export class SpooledSource implements ImageSource {
  readonly name: string;
  readonly limit: Limit;
  readonly now: ImageSource["now"];
  readonly repository?: NonNullable<ImageSource["repository"]>;
  /** Bytes that the plan wants of the disk. */
  spoolBytes = 0;
  #source: ImageSource;
  #folder: SpoolFolder;
  #left: Promise<Spool> | undefined;
  #own: Promise<Spool> | undefined;
  #resolved: Promise<Manifest> | undefined;
  #manifests = new Map<Digest, Promise<Manifest>>();
  #blobs = new Map<Digest, Promise<string>>();
  #planned = new Set<Digest>();
  #sound = new Set<Digest>();

  /** Reads nothing yet. */
  constructor(source: ImageSource, folder: SpoolFolder) {
    this.name = source.name;
    // Each blob is read once for all, so that those who share this do not divide what the registry takes.
    this.limit = {
      get now() {
        return source.limit.now;
      },
    };
    this.#source = source;
    this.#folder = folder;
    this.now = source.now;
    if (source.repository !== undefined) this.repository = source.repository;
  }

  /** The first destination that lacks a blob pays for it. */
  async requestsPerRead(descriptor: Descriptor): Promise<number> {
    if (this.#planned.has(descriptor.digest)) return 0;
    this.#planned.add(descriptor.digest);
    const { layout, intake } = await (this.#left ??= openSpool(this.#folder.left()));
    if (await this.#isSound(descriptor, layout)) return 0;
    const { requests, diskBytes } = await intake.cost(descriptor, this.#source);
    this.spoolBytes += diskBytes;
    return requests;
  }

  async resolve(): Promise<Manifest> {
    return await (this.#resolved ??= this.#source.resolve());
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    const standing = this.#manifests.get(descriptor.digest) ?? this.#source.manifest(descriptor);
    this.#manifests.set(descriptor.digest, standing);
    return await standing;
  }

  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    return await this.#source.referrers(digest);
  }

  async spool(descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    await this.#path(descriptor, signal);
  }

  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    const path = await this.#path(descriptor, signal);
    yield* readBlobFile(path, { descriptor, name: this.name, start, signal });
  }

  [Symbol.dispose](): void {
    for (const spool of [this.#left, this.#own]) {
      spool?.then(({ intake }) => intake[Symbol.dispose](), () => {});
    }
    this.#source[Symbol.dispose]();
  }

  async #path(descriptor: Descriptor, signal: AbortSignal): Promise<string> {
    const path = this.#blobs.get(descriptor.digest) ?? this.#fetch(descriptor, signal);
    this.#blobs.set(descriptor.digest, path);
    return await path;
  }

  async #fetch(descriptor: Descriptor, signal: AbortSignal): Promise<string> {
    const { layout, intake } = await (this.#own ??= openSpool(this.#folder.own()));
    const path = layout.blobPath(descriptor.digest);
    if (await this.#isSound(descriptor, layout, signal)) return path;
    await removeIfThere(path);
    using progress = silentMeter.object(descriptor.digest, descriptor.size);
    const take = () => intake.take({ descriptor, source: this.#source, progress, signal });
    try {
      await take();
    } catch (error) {
      if (!(error instanceof VerificationError) || !this.#source.distrust?.(descriptor)) {
        throw error;
      }
      await take();
    }
    return path;
  }

  /** Whether an earlier run left a blob as it must be; hashed once, in the plan where that asks for it. */
  async #isSound(
    descriptor: Descriptor,
    layout: Layout,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { digest } = descriptor;
    if (!await layout.has(descriptor)) return false;
    if (this.#sound.has(digest)) return true;
    const found = await hashFile(layout.blobPath(digest), defined({ signal }));
    if (found.digest === digest) this.#sound.add(digest);
    return found.digest === digest;
  }
}

interface Spool {
  readonly layout: Layout;
  readonly intake: LayoutIntake;
}

async function openSpool(folder: Promise<string>): Promise<Spool> {
  const layout = new Layout(await folder);
  return { layout, intake: new LayoutIntake(layout) };
}
