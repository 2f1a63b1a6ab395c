import { join } from "@std/path";

/** Where the pointer of a key lies in its bucket, by the hexadecimal digest of the key or the first 40 digits of that. */
export function entryFileOf(hex: string): string {
  return join(hex.slice(0, 2), `${hex.slice(0, 40)}.json`);
}
