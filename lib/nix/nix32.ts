/**
 * Nix's base 32: the alphabet leaves out e, o, t and u; the digits run from the most significant one down, over a
 * little-endian byte array.
 *
 * @module
 */
import { VerificationError } from "../base/errors.ts";

const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";

/** How many digits so many bytes take. */
function digitsOf(bytes: number): number {
  return Math.ceil(bytes * 8 / 5);
}

/** The bytes in Nix's base 32: 52 digits for a sha256, 32 for the hash part of a store path. */
export function encodeNix32(bytes: Uint8Array): string {
  let text = "";
  for (let digit = digitsOf(bytes.length) - 1; digit >= 0; digit--) {
    const bit = digit * 5;
    const byte = bit >> 3;
    const shift = bit & 7;
    const value = (bytes[byte]! >> shift) | ((bytes[byte + 1] ?? 0) << (8 - shift));
    text += alphabet[value & 31];
  }
  return text;
}

/**
 * The bytes that a text in Nix's base 32 names.
 *
 * @throws {VerificationError} if it holds another letter, is of another length, or sets bits beyond the last byte
 */
export function decodeNix32(text: string, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bad = () =>
    new VerificationError(
      `Cannot read ${
        JSON.stringify(text.slice(0, 100))
      }: it is not ${sizeBytes} bytes in Nix's base 32`,
    );
  if (text.length !== digitsOf(sizeBytes)) throw bad();
  const bytes = new Uint8Array(sizeBytes);
  for (let n = 0; n < text.length; n++) {
    const value = alphabet.indexOf(text[text.length - 1 - n]!);
    if (value < 0) throw bad();
    const bit = n * 5;
    const byte = bit >> 3;
    const shift = bit & 7;
    bytes[byte]! |= (value << shift) & 0xff;
    const carry = value >> (8 - shift);
    if (byte + 1 < sizeBytes) bytes[byte + 1]! |= carry;
    else if (carry !== 0) throw bad();
  }
  return bytes;
}
