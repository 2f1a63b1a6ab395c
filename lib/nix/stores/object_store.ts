import type { Digest } from "../../base/digest.ts";
import type { ObjectMeter } from "../../base/meter.ts";
import type { ChangeObject } from "./replace_object.ts";

/** Options of every access. */
export interface ObjectOptions {
  /** Ends the access. */
  signal?: AbortSignal;
}

/** A file whose bytes are known, ready to be put somewhere. */
export interface ObjectFile {
  /** Where it lies. */
  path: string;
  /** Its size in bytes. */
  size: number;
  /** Its sha256. */
  digest: Digest;
  /** Whether this run hashed every byte of it already. */
  fresh?: boolean;
  /** Whether it is never changed and is durable: a folder of the same file system then gets a second name of it instead of a copy. */
  lasting?: boolean;
}

/** Reads the objects of a binary cache, never from a cache of its own. */
export interface ObjectReader {
  /** What it is, for people; it holds no secret. */
  readonly url: string;
  /** Whether reading all of an object costs no network. */
  readonly local: boolean;
  /** How many requests each access takes. */
  readonly requestsEach: number;
  /** Where an object lies as a file, if it does. */
  pathOf?(key: string): string;
  /** The bytes of a small object; `undefined` where there is none. */
  get(key: string, options?: ObjectOptions): Promise<Uint8Array | undefined>;
  /** The size of an object in bytes; `undefined` where there is none. */
  size(key: string, options?: ObjectOptions): Promise<number | undefined>;
  /** The bytes of an object of any size; read or cancel them. `undefined` where there is none. */
  open(key: string, options?: ObjectOptions): Promise<ReadableStream<Uint8Array> | undefined>;
}

/** A small object that is ready and durable, but not seen yet; what has not appeared is gone once it is disposed of. */
export interface StagedObject extends AsyncDisposable {
  /** Gives it its name. */
  appear(): Promise<void>;
}

/** Writes the objects of a binary cache; each appears whole or not at all. */
export interface ObjectWriter {
  /** What it is, for people; it holds no secret. */
  readonly url: string;
  /** How many requests one object of this size takes. */
  requestsFor(size: number): number;
  /** Writes a small object. */
  put(key: string, bytes: Uint8Array<ArrayBuffer>, options?: ObjectOptions): Promise<void>;
  /** Makes a small object ready, where it can then appear without another wait: its turn may come late. */
  stage?(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    options?: ObjectOptions,
  ): Promise<StagedObject>;
  /**
   * Writes a small object that is made of the one that stands there. Where the store can compare and swap, nothing is lost that
   * another writer put there meanwhile; elsewhere, what stands is read right before it is replaced.
   */
  replace(key: string, change: ChangeObject, options?: ObjectOptions): Promise<void>;
  /** Writes a file, telling the meter of every byte that the store took. */
  putFile(
    key: string,
    file: ObjectFile,
    meter: ObjectMeter,
    options?: ObjectOptions,
  ): Promise<void>;
  /**
   * Fails as writing objects would, where the system does not let this user; writes nothing, and finds only what can be told beforehand.
   *
   * @param folders those of their keys, `""` for keys without one
   */
  foresee?(folders: readonly string[]): void;
  /** Makes the names of all that was written durable, where that is not so after each write. */
  flush?(): Promise<void>;
}
