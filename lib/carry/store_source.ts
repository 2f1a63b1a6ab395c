import type { Digest } from "../base/digest.ts";
import type { NixLink } from "../nix/folder/nix_links.ts";
import type { ImageStore } from "./database_files.ts";
import type { MemberTaker } from "./read_layer.ts";
import type { StoreTrees } from "./take_member.ts";

/** The Nix store of one image, wherever it is read. */
export interface StoreSource {
  /**
   * Reads the database.
   *
   * @param work a folder for it
   * @throws {VerificationError} if there is none, or it is not a file of its kind
   */
  survey(work: string, signal: AbortSignal): Promise<ImageStore>;
  /** How many requests it costs to read what is wanted. */
  requestsToRead(wants: (baseName: string) => boolean): Promise<number>;
  /**
   * Gives all that is wanted.
   *
   * @throws {VerificationError} if the image is not what it was
   */
  unpack(options: UnpackOptions): Promise<Unpacked>;
}

/** A path that is wanted, and what its NAR must be. */
export interface WantedPath {
  /** Its name in the store. */
  baseName: string;
  /** The hash of its NAR. */
  narHash: Digest;
  /** The size of its NAR in bytes. */
  narSize: number;
}

/** Takes what comes out of an image, of layers the uppermost first. */
export interface StoreTaker extends MemberTaker, StoreTrees {
  /** Takes a wanted path that was written, and proven, elsewhere. */
  adopt(baseName: string, path: string): Promise<void>;
  /**
   * Proves a wanted path of which all was written here, and takes it.
   *
   * @throws {VerificationError} if it is another one
   */
  place(baseName: string, signal: AbortSignal): Promise<void>;
  /** Told when a layer was read to its end and found to be what it must be. */
  layerEnd(): Promise<void>;
}

/** What unpacking works with. */
export interface UnpackOptions {
  /** Takes the paths. */
  taker: StoreTaker;
  /** The database that the image had when it was surveyed. */
  database: Digest;
  /** What is mounted as `/nix`. */
  folder: string;
  /** A folder on the same file system, where threads write. */
  work: string;
  /** What is wanted. */
  wanted: readonly WantedPath[];
  /** How many bytes there may be of files that paths are linked to, beside the paths. */
  linksBytes: number;
  /** How many threads there may be; 0 reads everything here. */
  threads: number;
  /** Ends it. */
  signal: AbortSignal;
}

/** What unpacking gives. */
export interface Unpacked {
  /** The symlinks of profiles and roots. */
  links: NixLink[];
  /** How many bytes of layers were read. */
  layerBytes: number;
  /** Whether the database turned out to be another than the one that was surveyed, since more is known of the image by now: it is to be surveyed anew. */
  isStale: boolean;
}
