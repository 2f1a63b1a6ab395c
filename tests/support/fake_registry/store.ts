import { type Digest, sha256 } from "../../../lib/base/digest.ts";

/** A manifest that a registry keeps. */
export interface StoredManifest {
  /** Its type. */
  readonly mediaType: string;
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** One repository. */
export class FakeRepository {
  /** The digests of its blobs. */
  readonly blobs: Set<string> = new Set();
  /** Its manifests by digest. */
  readonly manifests: Map<string, StoredManifest> = new Map();
  /** What its tags point to. */
  readonly tags: Map<string, string> = new Map();
}

/** One upload that is under way. */
export interface FakeUpload {
  /** The repository it belongs to. */
  readonly repository: string;
  /** What came so far. */
  readonly pieces: Uint8Array<ArrayBuffer>[];
  /** How much came so far, in bytes. */
  size: number;
}

/** What a registry holds, in memory. */
export class FakeRegistryStore {
  /** Contents by digest. */
  readonly blobs: Map<string, Uint8Array<ArrayBuffer>> = new Map();
  /** Repositories by name. */
  readonly repositories: Map<string, FakeRepository> = new Map();
  /** Uploads by id. */
  readonly uploads: Map<string, FakeUpload> = new Map();

  /** A repository, made where there is none. */
  repository(name: string): FakeRepository {
    const standing = this.repositories.get(name);
    if (standing !== undefined) return standing;
    const repository = new FakeRepository();
    this.repositories.set(name, repository);
    return repository;
  }

  /** Puts a blob into a repository. */
  putBlob(repository: string, bytes: Uint8Array<ArrayBuffer>): Digest {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    this.repository(repository).blobs.add(digest);
    return digest;
  }

  /** Puts a manifest into a repository, and lets a tag point to it. */
  putManifest(repository: string, manifest: StoredManifest, tag?: string): Digest {
    const digest = sha256(manifest.bytes);
    const { manifests, tags } = this.repository(repository);
    manifests.set(digest, manifest);
    if (tag !== undefined) tags.set(tag, digest);
    return digest;
  }

  /** What a manifest of a repository points to that the repository does not have. */
  missing(repository: string, json: Record<string, unknown>): string[] {
    const { blobs, manifests } = this.repository(repository);
    const pointed = [json["config"], json["layers"], json["blobs"]].flat();
    const digestOf = (entry: unknown) => (entry as { digest?: string } | undefined)?.digest;
    const lacking = pointed.filter((entry) => {
      const digest = digestOf(entry);
      const urls = (entry as { urls?: string[] } | undefined)?.urls;
      return digest !== undefined && urls === undefined && !blobs.has(digest);
    });
    const children = [json["manifests"]].flat().filter((entry) => {
      const digest = digestOf(entry);
      return digest !== undefined && !manifests.has(digest);
    });
    return [...lacking, ...children].map((entry) => digestOf(entry)!);
  }
}
