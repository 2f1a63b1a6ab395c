import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { Descriptor } from "./descriptor.ts";
import type { BlobTransfer, ImageDestination, ImageSource } from "./image_store.ts";
import { Layout, nameOf } from "./layout.ts";
import { describeManifest, type Manifest } from "./manifest.ts";
import { formatReference, type LayoutReference } from "./reference.ts";
import { verified } from "./verified.ts";

/** Writes an image to a layout. */
export class LayoutDestination implements ImageDestination {
  readonly name: string;
  /** The layout that is written. */
  readonly layout: Layout;
  readonly complete = false;
  readonly requestsPerManifest = 0;
  #reference: LayoutReference;

  /** Touches no disk. */
  constructor(reference: LayoutReference) {
    this.name = formatReference(reference);
    this.layout = new Layout(reference.folder);
    this.#reference = reference;
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

  requestsPerPut(descriptor: Descriptor, source: ImageSource): number {
    return source.requestsPerRead(descriptor);
  }

  mounts(): boolean {
    return false;
  }

  async put({ descriptor, source, progress, signal }: BlobTransfer): Promise<void> {
    const bytes = source.read(descriptor, 0, signal);
    await this.layout.putBlob(
      descriptor,
      verified(descriptor, bytes, { name: source.name }),
      (count) => progress.moved(count),
    );
  }

  async putManifest(manifest: Manifest): Promise<void> {
    await this.layout.putBytes(manifest.digest, manifest.bytes);
  }

  async commit(root: Manifest): Promise<void> {
    await this.layout.putBytes(root.digest, root.bytes);
    await this.layout.point(this.#reference.tag, describeManifest(root));
  }

  [Symbol.dispose](): void {}
}
