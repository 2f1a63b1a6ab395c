/**
 * Where blobs lie that several destinations read: each is asked for once.
 *
 * Invariants: what an earlier run left, whole blobs and parts, is not asked for again, and is hashed before anyone reads it; before anything
 * moves nothing is written: the few small blobs that a plan reads wait in memory.
 *
 * @module
 */
import { removeIfThere } from "../../base/atomic_file.ts";
import { defined } from "../../base/defined.ts";
import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { ifThere } from "../../base/files.ts";
import { hashFile } from "../../base/hash_file.ts";
import { silentMeter } from "../../base/meter.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageSource } from "../image_store.ts";
import { Layout } from "../layout/layout.ts";
import { LayoutIntake } from "../layout/layout_intake.ts";
import { readBlobFile } from "../read_blob_file.ts";
import { SharedWork } from "./shared_work.ts";
import { verified } from "../verified.ts";

/** The folder of a {@linkcode Spool}; an upper floor lends it. */
export interface SpoolFolder {
  /** The one that an earlier run left, or one that is not there; nothing is changed. */
  left(): Promise<string>;
  /** One that is this process's own from now on. */
  own(): Promise<string>;
}

/** What a plan reads are configs; a larger one is none that it takes for one. */
const largestHeldBytes = 8 * 1024 * 1024;
/** Of all together no more waits in memory; the rest is fetched again. */
const mostHeldBytes = 32 * 1024 * 1024;

interface Place {
  readonly layout: Layout;
  readonly intake: LayoutIntake;
}

/** Keeps blobs for as long as they are on their way. */
export class Spool implements Disposable {
  #folder: SpoolFolder;
  #left: Promise<Place> | undefined;
  #own: Promise<Place> | undefined;
  #blobs = new SharedWork<Digest, string>();
  #planned = new Set<Digest>();
  #held = new SharedWork<Digest, Uint8Array>();
  #heldBytes = 0;
  #moves = false;
  #sound = new Set<string>();

  /** Touches no disk. */
  constructor(folder: SpoolFolder) {
    this.#folder = folder;
  }

  /** What a blob will cost; whoever is the first to plan it pays for all. */
  async cost(
    descriptor: Descriptor,
    source: ImageSource,
  ): Promise<{ requests: number; diskBytes: number }> {
    const free = { requests: 0, diskBytes: 0 };
    if (this.#planned.has(descriptor.digest) || this.#blobs.of(descriptor.digest)) return free;
    this.#planned.add(descriptor.digest);
    if (this.#held.of(descriptor.digest)) return { ...free, diskBytes: descriptor.size };
    const { layout, intake } = await this.#place();
    if (await layout.has(descriptor) && await this.#isSound(descriptor, layout)) return free;
    return await intake.cost(descriptor, source);
  }

  /** From here on blobs are brought into the folder. */
  begin(): void {
    this.#moves = true;
  }

  /**
   * The bytes of a blob for a plan, where it is as small as what plans read; `undefined` if it is to be had by its file. It is asked for
   * once, unless too many wait already.
   */
  async peek(
    descriptor: Descriptor,
    source: ImageSource,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const { digest, size } = descriptor;
    if (this.#moves || size > largestHeldBytes) return undefined;
    const isTooMuch = this.#heldBytes + size > mostHeldBytes;
    if (this.#held.of(digest) === undefined && isTooMuch) {
      return await this.#hold(descriptor, source, signal);
    }
    const run = async () => {
      this.#heldBytes += size;
      try {
        return await this.#hold(descriptor, source, signal);
      } catch (error) {
        this.#heldBytes -= size;
        throw error;
      }
    };
    return await this.#held.get(digest, { run, by: source, signal });
  }

  async #hold(
    descriptor: Descriptor,
    source: ImageSource,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { layout } = await this.#place();
    const isLeft = await layout.has(descriptor) && await this.#isSound(descriptor, layout, signal);
    const bytes = isLeft
      ? readBlobFile(layout.blobPath(descriptor.digest), {
        descriptor,
        name: source.name,
        start: 0,
        signal,
      })
      : source.read(descriptor, 0, signal);
    const whole = new Uint8Array(descriptor.size);
    let position = 0;
    for await (const piece of verified(descriptor, bytes, { name: source.name })) {
      whole.set(piece, position);
      position += piece.byteLength;
    }
    return whole;
  }

  async #place(): Promise<Place> {
    return await (this.#own ?? (this.#left ??= open(this.#folder.left())));
  }

  /** The file of a blob, brought by the first who asks. */
  async path(descriptor: Descriptor, source: ImageSource, signal: AbortSignal): Promise<string> {
    const run = () => this.#fetch(descriptor, source, signal);
    return await this.#blobs.get(descriptor.digest, { run, by: source, signal });
  }

  /** Ends the hashing; the folder is its owner's. */
  [Symbol.dispose](): void {
    for (const place of [this.#left, this.#own]) {
      place?.then(({ intake }) => intake[Symbol.dispose](), () => {});
    }
  }

  async #fetch(
    descriptor: Descriptor,
    source: ImageSource,
    signal: AbortSignal,
  ): Promise<string> {
    const { layout, intake } = await (this.#own ??= open(this.#folder.own()));
    const path = layout.blobPath(descriptor.digest);
    if (await layout.has(descriptor)) {
      if (await this.#isSound(descriptor, layout, signal)) return path;
      await removeIfThere(path);
    }
    const held = await this.#held.of(descriptor.digest);
    if (held !== undefined) {
      await layout.putBytes(descriptor.digest, held);
      return path;
    }
    using progress = silentMeter.object(descriptor.digest, descriptor.size);
    const take = () => intake.take({ descriptor, source, progress, signal });
    try {
      await take();
    } catch (error) {
      if (!(error instanceof VerificationError) || !source.distrust?.(descriptor)) throw error;
      await take();
    }
    return path;
  }

  /** Whether an earlier run left a blob as it must be; a file is hashed once, in the plan where that asks for it. */
  async #isSound(
    { digest }: Descriptor,
    layout: Layout,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const path = layout.blobPath(digest);
    if (this.#sound.has(path)) return true;
    // Another process may take the folder away at any moment.
    const found = await ifThere(hashFile(path, defined({ signal })));
    if (found?.digest !== digest) return false;
    this.#sound.add(path);
    return true;
  }
}

async function open(folder: Promise<string>): Promise<Place> {
  const layout = new Layout(await folder);
  return { layout, intake: new LayoutIntake(layout) };
}
