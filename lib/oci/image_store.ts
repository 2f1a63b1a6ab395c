import type { Digest } from "../base/digest.ts";
import type { Meter, ObjectMeter } from "../base/meter.ts";
import type { Requester } from "../http/requester.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Limit } from "../http/pace.ts";
import type { Manifest } from "./manifest.ts";

/** Where an image is read. Reading starts with a name and goes on by digests. */
export interface ImageSource extends Disposable {
  /** The reference, for people. */
  readonly name: string;
  /** How much may be asked of it at a time. */
  readonly limit: Limit;
  /** Requests that one read of a blob costs. */
  requestsPerRead(descriptor: Descriptor): Promise<number> | number;
  /**
   * The manifest that the name points to; `standing` is one in hand, which is given back where the name still points to it.
   *
   * @throws {KedgeError} if there is none
   */
  resolve(standing?: Manifest): Promise<Manifest>;
  /** What the name points to, where that can be asked without the manifest. */
  peek?(): Promise<Digest | undefined>;
  /** What the name points to, by one request: its digest where that is told, or is that of what is `there`, and else its manifest. */
  look?(there: Descriptor): Promise<Digest | Manifest | undefined>;
  /** Told that it was chosen what is wanted of it. */
  chosen?(): void;
  /** The manifest of a digest. */
  manifest(descriptor: Descriptor): Promise<Manifest>;
  /** The bytes of a blob from an offset on, all of them, not yet verified; a piece may be reused once the next is asked for. */
  read(descriptor: Descriptor, start: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Brings a blob onto this machine, where it is read once for all; from then on a reading does not end with what it is for. */
  spool?(descriptor: Descriptor, signal: AbortSignal): Promise<void>;
  /** Bytes that a plan wants of this machine's disk for that. @default {0} */
  readonly spoolBytes?: number;
  /** The manifests that are attached to a manifest: signatures, lists of parts. */
  referrers(digest: Digest): Promise<readonly Descriptor[]>;
  /** What another tag of the same place points to. */
  tagged(tag: string): Promise<Manifest | undefined>;
  /** What the name points to now, when that is worth asking: to notice that it moved. */
  readonly now?: (() => Promise<Digest | undefined>) | undefined;
  /** The file that holds a blob, where there is one. */
  path?(descriptor: Descriptor): string;
  /** Whence a large blob may be fetched in ranges, the best place first. */
  downloads?(digest: Digest): readonly RangedDownload[];
  /** Told that the bytes of a blob were wrong; gives `true` where they can be had from elsewhere now. */
  distrust?(descriptor: Descriptor): boolean;
  /** The repository, where it is one: others of the same registry may mount its blobs. */
  readonly repository?: { readonly host: string; readonly name: string };
}

/** Where a blob can be fetched in ranges. */
export interface RangedDownload {
  /** Sends and authorizes the requests. */
  readonly client: Requester;
  /** The address. */
  readonly url: URL;
  /** How a part that brings nothing is tried again. */
  readonly retry: RetryPolicy;
}

/** What it costs to bring one blob to a destination. */
export interface TransferCost {
  /** Requests, reading included. */
  readonly requests: number;
  /** Bytes that do not have to be moved: an earlier run left them, or the blob is nearby. */
  readonly reusedBytes: number;
  /** Whether the blob is on this machine already, so that the source is not asked for it. @default {false} */
  readonly nearby?: boolean;
  /** Bytes of a disk of this machine that will be taken. */
  readonly diskBytes: number;
  /** Whether it may come to less: what the destination is asked to do itself, it need not do. @default {false} */
  readonly bound?: boolean;
}

/** How one blob gets to a destination. */
export interface BlobTransfer {
  /** What is moved. */
  readonly descriptor: Descriptor;
  /** Where it is read. */
  readonly source: ImageSource;
  /** Takes the progress. */
  readonly progress: ObjectMeter;
  /** Ends the transfer. */
  readonly signal: AbortSignal;
}

/** What {@linkcode ImageDestination.takeAll} works with. */
export interface TakeAllOptions {
  /** Where the blobs are read. */
  readonly source: ImageSource;
  /** The blobs that a plan found missing. */
  readonly missing: readonly Descriptor[];
  /** Takes the figures. */
  readonly meter: Meter;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Told of each blob that is there now. */
  readonly onBlob?: ((digest: string, sizeBytes: number) => void) | undefined;
}

/** A list of what is attached to a manifest. */
export interface ListedReferrers {
  /** What it names. */
  readonly digests: ReadonlySet<Digest>;
  /** What of that is gone, as far as that matters: a registry may refuse a list that names it. */
  readonly gone: ReadonlySet<Digest>;
}

/** Where an image is written. */
export interface ImageDestination extends Disposable {
  /** The reference, for people. */
  readonly name: string;
  /** How much may be asked of it at a time. */
  readonly limit: Limit;
  /** Whether the pointer is of this image, where the destination knows images by other digests too. @default {the digests are equal} */
  isRoot?(pointer: Digest, root: Manifest): boolean;
  /** Looks at the image as a whole, before any {@linkcode ImageDestination.has}. */
  survey?(root: Manifest, source: ImageSource): Promise<void>;
  /** What a reader should know of an image that comes here, if anything. */
  remark?(root: Manifest): string | undefined;
  /** What the name points to now. */
  pointer(): Promise<Digest | undefined>;
  /** What another tag of the same place points to. */
  tagged(tag: string): Promise<Digest | undefined>;
  /** What {@linkcode ImageDestination.pointer} found, where the answer told type and size too. */
  readonly described?: Descriptor | undefined;
  /** A manifest that is here, where looking at it costs no request. */
  standing(digest: Digest): Promise<Manifest | undefined>;
  /**
   * A manifest that is here, where that costs a request; without a digest, the one that the name points to.
   *
   * @throws {VerificationError} if it is damaged
   */
  manifest?(digest?: Digest): Promise<Manifest | undefined>;
  /** Whether all that a manifest here points to is known to be here with it. */
  readonly complete: boolean;
  /** Whether a blob, or with `manifest` a manifest, is here. */
  has(descriptor: Descriptor, manifest: boolean): Promise<boolean>;
  /** Reads a blob or a manifest that is here and tells whether its bytes are right. */
  isSound(descriptor: Descriptor, signal: AbortSignal): Promise<boolean>;
  /** The blobs of which it was seen to have wrong bytes, where it may keep those whatever is sent. */
  readonly damaged?: ReadonlySet<Digest>;
  /** What it costs to put a blob that is missing. */
  cost(descriptor: Descriptor, source: ImageSource): Promise<TransferCost>;
  /** Requests that it costs to put a manifest. */
  readonly requestsPerManifest: number;
  /**
   * What is listed as attached to a manifest here, where a list is written anew for each further one, as `added` will be; `undefined` where
   * none is. What was found `there` is not looked for again.
   */
  listedReferrers?(
    subject: Digest,
    added: readonly Digest[],
    there: Pick<ReadonlySet<Digest>, "has">,
  ): Promise<ListedReferrers | undefined>;
  /** Whether what a plan names is exactly what moves, rather than an upper bound. @default {true} */
  readonly exact?: boolean;
  /** Whether a blob comes without its bytes being moved: from another repository of the same registry. */
  mounts(source: ImageSource): boolean;
  /** Takes all at once, in the place of {@linkcode ImageDestination.put}, where the destination fetches what it lacks itself. */
  takeAll?(root: Manifest, options: TakeAllOptions): Promise<void>;
  /** Puts a blob, verified. */
  put(transfer: BlobTransfer): Promise<void>;
  /** Puts a manifest under its digest and such tags; one with a subject can then be found by it. */
  putManifest(manifest: Manifest, tags?: readonly string[]): Promise<void>;
  /** Puts the root and makes the name point to it. */
  commit(root: Manifest): Promise<void>;
  /** Takes away what a run that was killed left by what {@linkcode ImageDestination.pointer} found. */
  removeLeft?(): Promise<void>;
}
