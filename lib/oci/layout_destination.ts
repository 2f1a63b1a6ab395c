import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import type { Descriptor } from "./descriptor.ts";
import type { BlobTransfer, ImageDestination, ImageSource } from "./image_store.ts";
import { Layout, nameOf } from "./layout.ts";
import { LayoutIntake } from "./layout_intake.ts";
import { describeManifest, type Manifest } from "./manifest.ts";
import { fixedLimit, type Limit } from "./pace.ts";
import { formatReference, type LayoutReference } from "./reference.ts";

/** Writes an image to a layout. */
export class LayoutDestination implements ImageDestination {
  readonly name: string;
  readonly limit: Limit = fixedLimit(16);
  /** The layout that is written. */
  readonly layout: Layout;
  readonly complete = false;
  readonly requestsPerManifest = 0;
  #reference: LayoutReference;
  #intake: LayoutIntake;

  /** Touches no disk. */
  constructor(reference: LayoutReference, meter?: Meter) {
    this.name = formatReference(reference);
    this.layout = new Layout(reference.folder);
    this.#reference = reference;
    this.#intake = new LayoutIntake(this.layout, meter);
  }

  async pointer(): Promise<Digest | undefined> {
    const entries = await this.layout.entries();
    return entries.find((entry) => nameOf(entry) === this.#reference.tag)?.digest;
  }

  async standing(digest: Digest): Promise<Manifest | undefined> {
    try {
      return await this.layout.manifest(digest);
    } catch (error) {
      // A damaged manifest is as good as none: it is written anew.
      if (error instanceof VerificationError) return undefined;
      throw error;
    }
  }

  has(descriptor: Descriptor): Promise<boolean> {
    return this.layout.has(descriptor);
  }

  async requestsPerPut(descriptor: Descriptor, source: ImageSource): Promise<number> {
    return source.requestsPerRead(descriptor) === 0 ? 0 : await this.#intake.requests(descriptor);
  }

  async partialBytes(descriptor: Descriptor, source: ImageSource): Promise<number> {
    return source.path === undefined ? await this.#intake.partialBytes(descriptor) : 0;
  }

  mounts(): boolean {
    return false;
  }

  async put(transfer: BlobTransfer): Promise<void> {
    await this.#intake.take(transfer);
  }

  async putManifest(manifest: Manifest): Promise<void> {
    await this.layout.putBytes(manifest.digest, manifest.bytes);
  }

  async commit(root: Manifest): Promise<void> {
    await this.layout.putBytes(root.digest, root.bytes);
    await this.layout.point(this.#reference.tag, describeManifest(root));
  }

  [Symbol.dispose](): void {
    this.#intake[Symbol.dispose]();
  }
}
