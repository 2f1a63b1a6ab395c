/**
 * Reads a tarball as it comes, without waiting for anything: what it holds is given on from within {@linkcode TarReader.push}.
 *
 * Invariants: a header counts only with its checksum; no number, name or record is taken from beyond what holds it; what extends a header is
 * bounded; contents come in order and end where their size says; what follows the end of the archive is not looked at.
 *
 * Follows POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Extended Header", and the long names of GNU tar.
 *
 * @module
 */
import { VerificationError } from "./errors.ts";
import { paxRecords } from "./pax_records.ts";
import { isZeroBlock, readTarHeader, type TarMember } from "./tar_header.ts";

/** Takes the contents of a member, piece by piece; a piece is valid until it returns. */
export type TarContents = (bytes: Uint8Array) => void;

const blockBytes = 512;
const largestExtensionBytes = 1024 * 1024;
const largestGlobalBytes = 64 * 1024;

/** Reads one tarball. */
export class TarReader {
  readonly #name: string;
  readonly #take: (member: TarMember) => TarContents | undefined;
  readonly #block = new Uint8Array(blockBytes);
  #filled = 0;
  #left = 0;
  #padding = 0;
  #contents: TarContents | undefined;
  #zeroBlocks = 0;
  #extensionBytes = 0;
  #globalBytes = 0;
  #extension: { type: string; bytes: Uint8Array; filled: number } | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #pax: Record<string, string> = {};
  #globalPax: Record<string, string> = {};

  /**
   * Gives each member to `take`, which gives what takes its contents, or nothing where they are not wanted.
   *
   * @param name what errors call the tarball
   */
  constructor(name: string, take: (member: TarMember) => TarContents | undefined) {
    this.#name = name;
    this.#take = take;
  }

  /**
   * Takes the next bytes, which may be used again afterwards.
   *
   * @throws {VerificationError} if the archive is damaged
   */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#zeroBlocks < 2;) {
      if (this.#left > 0) {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        this.#body(bytes.subarray(at, end));
        at = end;
      } else if (this.#padding > 0) {
        const count = Math.min(this.#padding, bytes.length - at);
        this.#padding -= count;
        at += count;
      } else if (this.#filled === 0 && bytes.length - at >= blockBytes) {
        this.#header(bytes.subarray(at, at + blockBytes));
        at += blockBytes;
      } else {
        const count = Math.min(blockBytes - this.#filled, bytes.length - at);
        this.#block.set(bytes.subarray(at, at + count), this.#filled);
        this.#filled += count;
        at += count;
        if (this.#filled < blockBytes) return;
        this.#filled = 0;
        this.#header(this.#block);
      }
    }
  }

  /**
   * Says that no more bytes come.
   *
   * @throws {VerificationError} if the archive is cut
   */
  end(): void {
    const isCut = this.#filled > 0 || this.#left > 0 || this.#padding > 0 ||
      this.#hasExtension || this.#zeroBlocks === 0;
    if (isCut && this.#zeroBlocks < 2) throw this.#damaged("it is cut short");
  }

  get #hasExtension(): boolean {
    return this.#extension !== undefined || this.#longName !== undefined ||
      this.#longLink !== undefined || Object.keys(this.#pax).length > 0;
  }

  #header(block: Uint8Array): void {
    if (isZeroBlock(block)) {
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw this.#damaged("something follows a block of its end");
    const header = readTarHeader(block);
    if (typeof header === "string") throw this.#damaged(header);
    if ("xgLK".includes(header.flag)) {
      // Of those before one member, and of those for all, only so much is kept together.
      if (header.flag === "g") this.#globalBytes += header.size;
      else this.#extensionBytes += header.size;
      if (
        this.#extensionBytes > largestExtensionBytes || this.#globalBytes > largestGlobalBytes
      ) throw this.#damaged("a header is too large");
      this.#extension = { type: header.flag, bytes: new Uint8Array(header.size), filled: 0 };
      this.#expect(header.size);
      if (header.size === 0) this.#endExtension();
      return;
    }
    const { flag: _flag, ...member } = header;
    const pax = { ...this.#globalPax, ...this.#pax };
    // An empty record takes back what a header before it said.
    const size = header.hasContents && pax["size"] ? Number(pax["size"]) : member.size;
    if (!Number.isSafeInteger(size) || size < 0) throw this.#damaged("a size is not a number");
    const whole = {
      ...member,
      size,
      pax,
      name: pax["path"] || this.#longName || member.name,
      linkName: pax["linkpath"] || this.#longLink || member.linkName,
    };
    this.#longName = this.#longLink = undefined;
    this.#pax = {};
    this.#extensionBytes = 0;
    this.#contents = this.#take(whole);
    this.#expect(size);
  }

  #expect(size: number): void {
    this.#left = size;
    this.#padding = (blockBytes - size % blockBytes) % blockBytes;
  }

  #body(bytes: Uint8Array): void {
    if (this.#extension === undefined) {
      this.#contents?.(bytes);
      return;
    }
    this.#extension.bytes.set(bytes, this.#extension.filled);
    this.#extension.filled += bytes.length;
    if (this.#left === 0) this.#endExtension();
  }

  #endExtension(): void {
    const { type, bytes } = this.#extension!;
    this.#extension = undefined;
    if (type === "L" || type === "K") {
      const end = bytes.indexOf(0);
      const text = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
      if (type === "L") this.#longName = text;
      else this.#longLink = text;
      return;
    }
    const records = paxRecords(bytes);
    if (records === undefined) throw this.#damaged("an extended header is malformed");
    if (type === "g") this.#globalPax = { ...this.#globalPax, ...records };
    else this.#pax = { ...this.#pax, ...records };
  }

  #damaged(state: string): VerificationError {
    return new VerificationError(
      `Cannot use "${this.#name}": it is not a tarball, or it is damaged (${state})`,
    );
  }
}
