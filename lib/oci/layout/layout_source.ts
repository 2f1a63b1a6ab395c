import type { Digest } from "../../base/digest.ts";
import { isDigest } from "../../base/digest_text.ts";
import { KedgeError, VerificationError } from "../../base/errors.ts";
import { checkedManifest, missingManifestHint } from "../checked_manifest.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageSource } from "../image_store.ts";
import { Layout, nameOf } from "./layout.ts";
import { describeManifest, type Manifest } from "../manifest.ts";
import { isManifestType } from "../media_type.ts";
import { fixedLimit, type Limit } from "../../http/pace.ts";
import { describeReferrer, imagesAmong, referrersTag } from "../referrers.ts";
import { formatReference, type LayoutReference } from "../reference.ts";

/** What an entry of a layout's index leads to. */
interface NamedManifest {
  readonly manifest: Manifest;
  readonly name: string | undefined;
}

/** Reads an image from a layout. */
export class LayoutSource implements ImageSource {
  readonly name: string;
  readonly limit: Limit = fixedLimit(16);
  /** The layout that is read. */
  readonly layout: Layout;
  #reference: LayoutReference;
  #named: Promise<NamedManifest[]> | undefined;

  /** Touches no disk. */
  constructor(reference: LayoutReference) {
    this.name = formatReference(reference);
    this.layout = new Layout(reference.folder);
    this.#reference = reference;
  }

  requestsPerRead(): number {
    return 0;
  }

  async resolve(): Promise<Manifest> {
    const entry = await this.#entry();
    if (entry === undefined) throw await this.#missing();
    const manifest = await this.layout.manifest(entry.digest, entry.mediaType);
    if (manifest !== undefined) {
      const { size = manifest.bytes.byteLength } = entry;
      return checkedManifest(manifest, { ...describeManifest(manifest), size }, this.name);
    }
    throw new VerificationError(
      `Cannot read "${this.name}": the layout has no blob ${entry.digest}`,
      { side: "source" },
    );
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    const manifest = await this.layout.manifest(descriptor.digest, descriptor.mediaType);
    if (manifest !== undefined) return manifest;
    throw new VerificationError(
      `Cannot read "${this.name}": the layout has no manifest ${descriptor.digest}`,
      { side: "source", hint: missingManifestHint, data: { missing: descriptor.digest } },
    );
  }

  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    const { readBlobFile } = await import("../read_blob_file.ts");
    try {
      const path = this.path(descriptor);
      yield* readBlobFile(path, { descriptor, name: this.name, start, signal });
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw new VerificationError(
        `Cannot read "${this.name}": the layout has no blob ${descriptor.digest}`,
        { side: "source", cause, data: { missing: descriptor.digest } },
      );
    }
  }

  /** Those that the fallback tag lists, and those that stand in the index by themselves. */
  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    const found = new Map<Digest, Descriptor>();
    for (const { manifest, name } of await (this.#named ??= this.#readNamed())) {
      const listed = name === referrersTag(digest)
        ? manifest.manifests
        : manifest.subject?.digest === digest
        ? [describeReferrer(manifest)]
        : [];
      for (const each of listed) found.set(each.digest, each);
    }
    return [...found.values()];
  }

  async tagged(tag: string): Promise<Manifest | undefined> {
    const entry = await this.layout.find(tag);
    return entry && await this.layout.manifest(entry.digest, entry.mediaType);
  }

  async #readNamed(): Promise<NamedManifest[]> {
    const read: NamedManifest[] = [];
    for (const entry of await this.layout.entries()) {
      // What others named by another algorithm is not read, whatever it is attached to.
      const manifest = isManifestType(entry.mediaType) && isDigest(entry.digest)
        ? await this.layout.manifest(entry.digest, entry.mediaType)
        : undefined;
      if (manifest !== undefined) read.push({ manifest, name: nameOf(entry) });
    }
    return read;
  }

  path(descriptor: Descriptor): string {
    return this.layout.blobPath(descriptor.digest);
  }

  [Symbol.dispose](): void {}

  async #entry(): Promise<Pick<Descriptor, "digest"> & Partial<Descriptor> | undefined> {
    const { digest, tag } = this.#reference;
    if (digest === undefined) return await this.layout.find(tag);
    return await this.layout.isThere() ? { digest } : undefined;
  }

  async #missing(): Promise<KedgeError> {
    if (!await this.layout.isThere()) {
      return new KedgeError(`Cannot find "${this.name}": there is no layout in that folder`, {
        side: "source",
        data: { folder: this.layout.folder },
      });
    }
    const { tag } = this.#reference;
    const entries = imagesAmong(await this.layout.entries(), nameOf);
    const names = entries.map(nameOf).filter((name) => name !== undefined);
    const { wordSimilaritySort } = await import("@std/text");
    const near = wordSimilaritySort(tag ?? "", names).slice(0, 3);
    const hint = near.length > 0
      ? `the nearest tags are ${near.join(", ")}`
      : entries.length > 0
      ? `they have no tags: name one by its digest, as oci:${this.layout.folder}@${
        entries[0]!.digest
      }`
      : undefined;
    const state = tag !== undefined
      ? "the layout has no such tag"
      : entries.length === 0
      ? "the layout is empty"
      : `the layout has ${entries.length} images, and none was named`;
    return new KedgeError(`Cannot find "${this.name}": ${state}`, {
      side: "source",
      ...(hint === undefined ? {} : { hint }),
      data: { reference: this.name },
    });
  }
}
