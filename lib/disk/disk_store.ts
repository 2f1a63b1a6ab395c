/**
 * Where a disk's manifest, index and packs lie: a repository of a registry, or a layout. One small interface over both.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import type { ObjectMeter } from "../base/meter.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { ImageReference } from "../oci/reference.ts";

/** Reads the blobs and the manifest of one reference. */
export interface DiskSource extends Disposable {
  /** The reference. */
  readonly reference: ImageReference;
  /** The reference, for people. */
  readonly name: string;
  /** The repository, where it is one: others of the same registry may mount its blobs. */
  readonly repository?: { readonly host: string; readonly name: string };
  /** Requests that reading a manifest, a blob or a part of one costs. */
  readonly requestsPerRead: number;
  /** The manifest that the reference means; `undefined` if there is none. */
  resolve(): Promise<Manifest | undefined>;
  /** The digest that the reference means now; `undefined` if there is none. */
  pointer(): Promise<Digest | undefined>;
  /** The bytes `start` up to, without it, `end` of a blob; not verified. */
  range(
    blob: DiskBlob,
    start: number,
    end: number,
    options: ReadOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** All bytes of a blob, not verified; a piece is reused once the next one is asked for. */
  stream(blob: DiskBlob, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Whether the blob is there in its full size. */
  has(blob: DiskBlob): Promise<boolean>;
  /** Finds out where blobs are, if several places may have them, so that reading them costs no more than was planned. */
  lookFor?(blobs: readonly DiskBlob[], signal: AbortSignal): Promise<void>;
  /** Told that the bytes of a blob were wrong; gives `true` where they can be had from elsewhere now. */
  distrust?(blob: DiskBlob): boolean;
}

/** Reads and writes the blobs and the manifest of one reference. */
export interface DiskStore extends DiskSource {
  /** The folder that is written, where it is on this machine. */
  readonly folder?: string;
  /** Requests that putting a blob costs. */
  readonly requestsPerPut: number;
  /** Fails as putting would where this user may not write; writes nothing, and asks no server. */
  foresee(): void;
  /** Puts a blob. */
  put(blob: DiskBlob, content: string | Uint8Array, progress: ObjectMeter): Promise<void>;
  /** Puts a blob of which the bytes come from elsewhere, verified on the way. */
  putStream(
    blob: DiskBlob,
    body: () => AsyncIterable<Uint8Array>,
    progress: ObjectMeter,
  ): Promise<void>;
  /** Whether {@linkcode adopt} is known to bring blobs from there without their bytes going through here. */
  borrows(from: DiskSource): boolean;
  /** Puts a blob that a store of the same kind has, without its bytes going through here; `false` if that cannot be. */
  adopt(blob: DiskBlob, from: DiskSource): Promise<boolean>;
  /** Makes the reference mean a manifest; all that it points to must be there. */
  commit(manifest: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** How a part of a blob is read. */
export interface ReadOptions {
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** A buffer that may be used for the bytes, where it is large enough. */
  readonly buffer?: ArrayBuffer | undefined;
  /** Told of bytes as they come; of some again, if they come again. */
  readonly onBytes?: (bytes: number) => void;
}
