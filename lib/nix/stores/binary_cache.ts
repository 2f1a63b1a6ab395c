import { VerificationError } from "../../base/errors.ts";
import { toError } from "../../base/errors.ts";
import type { Digest } from "../../base/digest.ts";
import { formatNixHash } from "../nix_hash.ts";
import { type NarCompression, narSuffix } from "../nar/compression.ts";
import { formatNarInfo, type NarInfo, parseNarInfo } from "../nar/nar_info.ts";
import type { ObjectOptions, ObjectReader, ObjectWriter, StagedObject } from "./object_store.ts";

/** What `nix-cache-info` says. */
export interface CacheInfo {
  /** The folder whose paths the cache holds. */
  storeDir: string;
  /** Whether Nix may ask it for many paths. */
  wantMassQuery: boolean;
  /** Smaller is asked first. */
  priority: number;
}

/** A narinfo as it was found: what it says, or why it says nothing. */
export type FoundNarInfo =
  | { text: string; info: NarInfo; error?: never }
  | { text: string; info?: never; error: Error };

/** A binary cache: narinfos and packed NARs over any kind of objects, written at one place and read at another. */
export class BinaryCache {
  /** Where it is written. */
  readonly writer: ObjectWriter;
  /** Where readers find it. */
  readonly reader: ObjectReader;

  /** Touches nothing yet. */
  constructor(writer: ObjectWriter, reader: ObjectReader) {
    this.writer = writer;
    this.reader = reader;
  }

  /** What it is, for people. */
  get url(): string {
    return this.writer.url;
  }

  /** What the cache says of itself; `undefined` where it says nothing yet. */
  async info(options: ObjectOptions = {}): Promise<CacheInfo | undefined> {
    const bytes = await this.reader.get("nix-cache-info", options);
    return bytes === undefined ? undefined : parseCacheInfo(decode(bytes), this.reader.url);
  }

  /** Writes `nix-cache-info`. */
  async putInfo(info: CacheInfo, options: ObjectOptions = {}): Promise<void> {
    const text = `StoreDir: ${info.storeDir}\nWantMassQuery: ${info.wantMassQuery ? 1 : 0}\n` +
      `Priority: ${info.priority}\n`;
    await this.writer.put("nix-cache-info", new TextEncoder().encode(text), options);
  }

  /** The narinfo of a store path's hash part, read anew; `undefined` where there is none. */
  async narInfo(hashPart: string, options: ObjectOptions = {}): Promise<FoundNarInfo | undefined> {
    const bytes = await this.reader.get(`${hashPart}.narinfo`, options);
    if (bytes === undefined) return undefined;
    return this.#parse(hashPart, decode(bytes));
  }

  /** Writes the narinfo of a store path, replacing the one that stands. */
  async putNarInfo(info: NarInfo, options: ObjectOptions = {}): Promise<void> {
    await this.writer.put(narInfoKey(info), narInfoBytes(info), options);
  }

  /** Makes the narinfo of a store path ready to appear, if the store knows such a thing. */
  async stageNarInfo(
    info: NarInfo,
    options: ObjectOptions = {},
  ): Promise<StagedObject | undefined> {
    return await this.writer.stage?.(narInfoKey(info), narInfoBytes(info), options);
  }

  /**
   * Replaces the narinfo of a store path by what is made of the one that stands where it is written, so that nothing is lost that others
   * add at the same time, as far as the store can compare and swap.
   *
   * @returns what stands there now
   */
  async replaceNarInfo(
    hashPart: string,
    change: (standing: NarInfo | undefined) => Promise<NarInfo>,
    options: ObjectOptions = {},
  ): Promise<NarInfo> {
    let written: NarInfo | undefined;
    await this.writer.replace(`${hashPart}.narinfo`, async (bytes) => {
      const found = bytes === undefined ? undefined : this.#parse(hashPart, decode(bytes));
      written = await change(found?.info);
      return new TextEncoder().encode(formatNarInfo(written));
    }, options);
    return written!;
  }

  #parse(hashPart: string, text: string): FoundNarInfo {
    try {
      return { text, info: parseNarInfo(text, `"${hashPart}.narinfo" of ${this.reader.url}`) };
    } catch (error) {
      return { text, error: toError(error) };
    }
  }
}

/** Where a packed NAR lies in a cache: named by what it holds. */
export function narKey(fileHash: Digest, compression: NarCompression): string {
  return `nar/${formatNixHash(fileHash).slice("sha256:".length)}.nar${narSuffix(compression)}`;
}

function narInfoKey({ storePath }: NarInfo): string {
  return `${storePath.hashPart}.narinfo`;
}

function narInfoBytes(info: NarInfo): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(formatNarInfo(info));
}

function parseCacheInfo(text: string, where: string): CacheInfo {
  const fields = new Map(
    text.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, Math.max(0, colon)), line.slice(colon + 1).trim()] as const;
    }),
  );
  const storeDir = fields.get("StoreDir");
  if (storeDir === undefined || !storeDir.startsWith("/")) {
    throw new VerificationError(`Cannot use "${where}": its nix-cache-info names no StoreDir`, {
      hint: "the URL may not be that of a binary cache",
    });
  }
  return {
    storeDir,
    wantMassQuery: fields.get("WantMassQuery") === "1",
    priority: Number(fields.get("Priority") ?? 50),
  };
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
