import defer * as crypto from "node:crypto";
import { timingSafeEqual } from "@std/crypto";
import { shortSha256 } from "./short_sha256.ts";

/** A content digest, `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}` & { readonly kind: "digest" };

/** A message up to this size is hashed without loading `node:crypto`. */
const shortBytes = 64 * 1024;

/** Hashes bytes as they come. */
export class Hasher {
  #short: Uint8Array[] = [];
  #hash: crypto.Hash | undefined;
  #size = 0;

  /** How many bytes were hashed so far. */
  get size(): number {
    return this.#size;
  }

  /** Takes more bytes. */
  update(bytes: Uint8Array): this {
    this.#size += bytes.byteLength;
    // A copy, whatever class they are: the slice of a `Buffer` is none.
    if (this.#hash === undefined && this.#size <= shortBytes) {
      this.#short.push(new Uint8Array(bytes));
    } else this.#long().update(bytes);
    return this;
  }

  /** Another hasher in the same state, which goes its own way from here. */
  copy(): Hasher {
    const other = new Hasher();
    other.#short = [...this.#short];
    other.#hash = this.#hash?.copy();
    other.#size = this.#size;
    return other;
  }

  /** The digest of all bytes so far; more may follow. */
  digest(): Digest {
    const hex = this.#hash === undefined
      ? shortSha256(this.#short)
      : this.#hash.copy().digest("hex");
    return `sha256:${hex}` as Digest;
  }

  /** The hash of a message that is not short. */
  #long(): crypto.Hash {
    if (this.#hash === undefined) {
      this.#hash = crypto.createHash("sha256");
      for (const bytes of this.#short.splice(0)) this.#hash.update(bytes);
    }
    return this.#hash;
  }
}

/** The sha256 of bytes, or of a text in UTF-8. */
export function sha256(bytes: Uint8Array | string): Digest {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  return new Hasher().update(data).digest();
}

/** The same by WebCrypto, for a message of any size that lies in memory as a whole: that loads nothing of Node. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<Digest> {
  const hash = await globalThis.crypto.subtle.digest("SHA-256", bytes);
  return `sha256:${new Uint8Array(hash).toHex()}` as Digest;
}

/** Whether two digests are the same, in a time that does not tell where they differ. */
export function sameDigest(a: Digest, b: Digest): boolean {
  const encoder = new TextEncoder();
  return a.length === b.length && timingSafeEqual(encoder.encode(a), encoder.encode(b));
}
