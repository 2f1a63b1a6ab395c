import { removeIfThere } from "../../base/atomic_file.ts";
import { whileRoom } from "../../base/disk_space.ts";
import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import type { Descriptor } from "../descriptor.ts";
import type { BlobTransfer, ImageDestination, ImageSource, TransferCost } from "../image_store.ts";
import type { Layout, LayoutPointer } from "./layout.ts";
import type { LayoutPlace } from "./layout_place.ts";
import { describeManifest, type Manifest } from "../manifest.ts";
import { isDockerType } from "../media_type.ts";
import { fixedLimit, type Limit } from "../../http/pace.ts";
import { formatReference, type LayoutReference } from "../reference.ts";

/** Writes an image to a layout. */
export class LayoutDestination implements ImageDestination {
  readonly name: string;
  readonly limit: Limit = fixedLimit(16);
  /** The layout that is written. */
  readonly layout: Layout;
  readonly complete = false;
  readonly requestsPerManifest = 0;
  #reference: LayoutReference;
  #place: LayoutPlace;
  #damaged = new Set<Digest>();

  /** Touches no disk; the place is disposed of by who lent it. */
  constructor(reference: LayoutReference, place: LayoutPlace) {
    this.name = formatReference(reference);
    this.layout = place.layout;
    this.#reference = reference;
    this.#place = place;
  }

  async pointer(): Promise<Digest | undefined> {
    return await this.#place.pointer(this.#reference.tag);
  }

  async tagged(tag: string): Promise<Digest | undefined> {
    return await this.#place.pointer(tag);
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

  remark({ mediaType }: Manifest): string | undefined {
    if (!isDockerType(mediaType)) return undefined;
    return `${this.name} gets a manifest of Docker's as it is, so that it keeps its digest; ` +
      "skopeo, podman and umoci do not read one in a layout, only in a registry";
  }

  has(descriptor: Descriptor): Promise<boolean> {
    return this.layout.has(descriptor);
  }

  async cost(descriptor: Descriptor, source: ImageSource): Promise<TransferCost> {
    return await (await this.#place.intake()).cost(descriptor, source);
  }

  mounts(): boolean {
    return false;
  }

  async isSound(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    const { hashFile } = await import("../../base/hash_file.ts");
    const path = this.layout.blobPath(descriptor.digest);
    const { digest } = await hashFile(path, { signal });
    if (digest !== descriptor.digest) this.#damaged.add(descriptor.digest);
    return digest === descriptor.digest;
  }

  async put(transfer: BlobTransfer): Promise<void> {
    const { digest } = transfer.descriptor;
    if (this.#damaged.delete(digest)) await removeIfThere(this.layout.blobPath(digest));
    await (await this.#place.intake()).take(transfer);
  }

  async putManifest(manifest: Manifest, tags: readonly string[] = []): Promise<void> {
    await whileRoom(this.layout.folder, async () => {
      await this.layout.putBytes(manifest.digest, manifest.bytes);
      for (const tag of tags) await this.layout.point(tag, describeManifest(manifest));
      const { subject } = manifest;
      if (subject !== undefined) await this.layout.attach(subject.digest, manifest);
    });
  }

  async commit(root: Manifest): Promise<void> {
    await this.layout.pointAll([await this.stage(root)]);
  }

  /** Puts the root; what comes back is still to be pointed to, or what `renew` then makes of it. */
  async stage(
    root: Manifest,
    renew?: (standing: Digest | undefined) => Promise<Manifest>,
  ): Promise<LayoutPointer> {
    const put = async ({ digest, bytes }: Manifest) => {
      await whileRoom(this.layout.folder, () => this.layout.putBytes(digest, bytes));
    };
    await put(root);
    const renewed = renew && (async (standing: Digest | undefined) => {
      const manifest = await renew(standing);
      if (manifest !== root) await put(manifest);
      return describeManifest(manifest);
    });
    return { name: this.#reference.tag, descriptor: describeManifest(root), renewed };
  }

  [Symbol.dispose](): void {}
}
