/**
 * An image of a registry of which it is kept what its name meant last, so that nothing is read anew where it means that still.
 *
 * Invariants: what a name means is what the registry says now, of this very name; that only selects among what was kept of the name, of which
 * every byte is hashed; what is damaged or gone is asked for as if it had never been kept. What is named by its digest means the same for ever,
 * so that the registry is asked whether it is there.
 *
 * @module
 */
import { type Digest, sha256 } from "../../base/digest.ts";
import { KedgeError } from "../../base/errors.ts";
import type { Limit } from "../../http/pace.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageSource } from "../image_store.ts";
import { largestManifestBytes, type Manifest, parseManifest } from "../manifest.ts";
import type { FoundName, FoundPart, KeptName, KeptPart, NameMemory } from "./name_memory.ts";

/** More is not kept of one name. */
const mostParts = 64;
const mostBytes = 2 * largestManifestBytes;

/** Reads an image of which something may be kept. */
export class RememberedSource implements ImageSource {
  readonly name: string;
  readonly peek?: NonNullable<ImageSource["peek"]>;
  readonly look?: NonNullable<ImageSource["look"]>;
  readonly downloads?: NonNullable<ImageSource["downloads"]>;
  readonly distrust?: NonNullable<ImageSource["distrust"]>;
  #source: ImageSource;
  #memory: NameMemory;
  #isPinned: boolean;
  #recalled: Promise<KeptName | undefined> | undefined;
  #root: KeptPart | undefined;
  #kept = new Map<Digest, KeptPart>();
  #fresh = new Map<Digest, FoundPart>();
  #freshBytes = 0;
  #isChosen = false;

  /** Asks nobody yet; `isPinned` says that the name is a digest. */
  constructor(source: ImageSource, memory: NameMemory, isPinned: boolean) {
    this.name = source.name;
    this.#source = source;
    this.#memory = memory;
    this.#isPinned = isPinned;
    const { peek, look, downloads, distrust } = source;
    if (peek !== undefined) this.peek = () => peek.call(source);
    if (look !== undefined) this.look = (there) => this.#look(there, look.bind(source));
    if (downloads !== undefined) this.downloads = (digest) => downloads.call(source, digest);
    if (distrust !== undefined) this.distrust = (blob) => distrust.call(source, blob);
  }

  get limit(): Limit {
    return this.#source.limit;
  }

  get now(): ImageSource["now"] {
    return this.#source.now;
  }

  get repository(): NonNullable<ImageSource["repository"]> {
    return this.#source.repository!;
  }

  /** What is to be kept, where that is not what is kept already. */
  async unkept(): Promise<FoundName | undefined> {
    const root = this.#root;
    if (root === undefined) return undefined;
    const before = await this.#recall();
    const isSame = before?.root.digest === root.digest;
    if (isSame && this.#fresh.size === 0) return undefined;
    const parts = new Map<Digest, KeptPart>();
    const all = isSame && before.parts.length < mostParts ? before.parts : this.#kept.values();
    for (const part of all) parts.set(part.digest, part);
    for (const { digest, mediaType } of this.#fresh.values()) {
      parts.set(digest, { digest, mediaType });
    }
    return { root, parts: [...parts.values()], fresh: [...this.#fresh.values()] };
  }

  async requestsPerRead(descriptor: Descriptor): Promise<number> {
    return await this.#source.requestsPerRead(descriptor);
  }

  async resolve(standing?: Manifest): Promise<Manifest> {
    const last = await this.#last();
    const kept = last && await this.#manifest(last.root.digest);
    const manifest = await this.#source.resolve(kept ?? standing);
    return this.#means(manifest);
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    const kept = await this.#manifest(descriptor.digest);
    if (kept !== undefined) return kept;
    const manifest = await this.#source.manifest(descriptor);
    this.#note(manifest);
    return manifest;
  }

  /** A config is kept that was read to choose by it; the plan of what is moved afterwards counts on the registry alone. */
  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    const isChoosing = !this.#isChosen && start === 0 && descriptor.size <= largestManifestBytes;
    const kept = isChoosing ? await this.#part(descriptor.digest) : undefined;
    if (kept !== undefined) {
      yield kept.bytes;
      return;
    }
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for await (const piece of this.#source.read(descriptor, start, signal)) {
      if (isChoosing) pieces.push(piece.slice());
      yield piece;
    }
    if (!isChoosing) return;
    const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
    if (sha256(bytes) === descriptor.digest) this.#note({ ...descriptor, bytes });
  }

  chosen(): void {
    this.#isChosen = true;
  }

  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    return await this.#source.referrers(digest);
  }

  async tagged(tag: string): Promise<Manifest | undefined> {
    return await this.#source.tagged(tag);
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }

  /** Of a name that was seen before a HEAD tells all; one that is new may be that of an index, which has to be read. */
  async #look(
    there: Descriptor,
    look: NonNullable<ImageSource["look"]>,
  ): Promise<Digest | Manifest | undefined> {
    const last = await this.#last();
    const kept = last && await this.#manifest(last.root.digest);
    const isLost = !kept && last?.parts.some(({ digest }) => digest === last.root.digest);
    if (last !== undefined && !isLost && this.peek !== undefined) {
      const now = await this.peek();
      const isKept = kept !== undefined && now === kept.digest && now !== there.digest;
      return isKept ? this.#means(kept) : now;
    }
    const found = await look(there);
    if (typeof found === "object") return this.#means(found);
    if (found === there.digest) this.#root = there;
    return found;
  }

  /** What the name meant last, where it may mean something else now. */
  async #last(): Promise<KeptName | undefined> {
    return this.#isPinned ? undefined : await this.#recall();
  }

  #recall(): Promise<KeptName | undefined> {
    return this.#recalled ??= this.#memory.recall();
  }

  async #manifest(digest: Digest): Promise<Manifest | undefined> {
    const part = await this.#part(digest);
    if (part === undefined) return undefined;
    try {
      return parseManifest(part.bytes, { ...part, name: this.name });
    } catch (error) {
      if (!(error instanceof KedgeError)) throw error;
      this.#kept.delete(digest);
      return undefined;
    }
  }

  async #part(digest: Digest): Promise<FoundPart | undefined> {
    const fresh = this.#fresh.get(digest);
    if (fresh !== undefined) return fresh;
    const part = (await this.#recall())?.parts.find((each) => each.digest === digest);
    const bytes = part && await this.#memory.bytes(digest);
    if (part === undefined || bytes === undefined || sha256(bytes) !== digest) return undefined;
    this.#kept.set(digest, part);
    return { ...part, bytes };
  }

  #means(manifest: Manifest): Manifest {
    const { digest, mediaType } = manifest;
    this.#root = { digest, mediaType };
    this.#note(manifest);
    return manifest;
  }

  #note({ digest, mediaType, bytes }: FoundPart): void {
    if (this.#isChosen || this.#kept.has(digest) || this.#fresh.has(digest)) return;
    const sum = this.#freshBytes + bytes.byteLength;
    if (this.#fresh.size >= mostParts || sum > mostBytes) return;
    this.#freshBytes = sum;
    this.#fresh.set(digest, { digest, mediaType, bytes });
  }
}
