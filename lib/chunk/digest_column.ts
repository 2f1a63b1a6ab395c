import type { Digest } from "../base/digest.ts";

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Digest number `at` of a column of 32 bytes each, as a text. */
export function digestAt(column: Uint8Array, at: number): Digest {
  let text = "sha256:";
  for (let i = at * 32; i < at * 32 + 32; i++) text += hexDigits[column[i]!]!;
  return text as Digest;
}

/** Writes a digest into a column of 32 bytes each, as number `at`. */
export function setDigest(column: Uint8Array, at: number, digest: Digest): void {
  const hex = digest.slice("sha256:".length);
  for (let i = 0; i < 32; i++) column[at * 32 + i] = parseInt(hex.slice(i * 2, i * 2 + 2), 16);
}

/** Whether digest `a` of one column is digest `b` of another. */
export function sameDigestAt(left: Uint8Array, a: number, right: Uint8Array, b: number): boolean {
  for (let i = 0; i < 32; i++) if (left[a * 32 + i] !== right[b * 32 + i]) return false;
  return true;
}
