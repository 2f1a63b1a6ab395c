/** What a member of a tarball is. */
export type TarMemberType =
  | "file"
  | "link"
  | "symlink"
  | "character-device"
  | "block-device"
  | "directory"
  | "fifo"
  | "other";

/** A member as the archive describes it; nothing of it is checked. */
export interface TarMember {
  /** Its path, as it is written. */
  name: string;
  /** What it is. */
  type: TarMemberType;
  /** Its permission bits. */
  mode: number;
  /** The size of its contents in bytes. */
  size: number;
  /** Where a link leads, as it is written. */
  linkName: string;
  /** What extended headers say of it. */
  pax: Readonly<Record<string, string>>;
}

/** What one block says. */
export interface TarHeader extends Omit<TarMember, "pax"> {
  /** The character that says what it is. */
  flag: string;
  /** Whether what it describes can have contents. */
  hasContents: boolean;
}

const types: Readonly<Record<string, TarMemberType>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "character-device",
  "4": "block-device",
  "5": "directory",
  "6": "fifo",
  "7": "file",
};
/** `ustar`, and a zero byte. */
const posixMagic = [0x75, 0x73, 0x74, 0x61, 0x72, 0];
const checksumAt = 148;
const checksumBytes = 8;
const decoder = new TextDecoder();

/** Whether a block ends an archive. */
export function isZeroBlock(block: Uint8Array): boolean {
  return block[0] === 0 && block.every((byte) => byte === 0);
}

/** What a block of 512 bytes says; the words of what is wrong with it otherwise. */
export function readTarHeader(block: Uint8Array): TarHeader | string {
  const checksum = octal(block, checksumAt, checksumBytes);
  if (checksum === undefined || checksum !== sumOf(block)) return "a checksum is wrong";
  const mode = octal(block, 100, 8);
  const stated = number(block, 124, 12);
  if (mode === undefined || stated === undefined) return "a number is malformed";
  const flag = String.fromCharCode(block[156]!);
  const name = text(block, 0, 100);
  // The archives of GNU keep something else where POSIX has the beginning of a long name.
  const isPosix = posixMagic.every((byte, i) => block[257 + i] === byte);
  const prefix = isPosix ? text(block, 345, 155) : "";
  const known = types[flag] ?? "other";
  const type = flag === "\0" && name.endsWith("/") ? "directory" : known;
  const hasContents = type === "file" || type === "other";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type,
    mode,
    size: hasContents ? stated : 0,
    linkName: text(block, 157, 100),
    flag,
    hasContents,
  };
}

/** The sum of all bytes, those of the checksum taken for spaces. */
function sumOf(block: Uint8Array): number {
  let sum = checksumBytes * 0x20;
  for (let i = 0; i < checksumAt; i++) sum += block[i]!;
  for (let i = checksumAt + checksumBytes; i < block.length; i++) sum += block[i]!;
  return sum;
}

function text(block: Uint8Array, at: number, length: number): string {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return end === at ? "" : decoder.decode(block.subarray(at, end));
}

/** A number in octal digits, or as GNU writes one that is too large for them. */
function number(block: Uint8Array, at: number, length: number): number | undefined {
  if ((block[at]! & 0x80) === 0) return octal(block, at, length);
  let value = block[at]! & 0x7f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + block[i]!;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A number in octal digits, with spaces before it, and a space or a zero byte after it. */
function octal(block: Uint8Array, at: number, length: number): number | undefined {
  let i = at;
  const end = at + length;
  while (i < end && block[i] === 0x20) i++;
  let value = 0;
  for (; i < end && block[i]! >= 0x30 && block[i]! <= 0x37; i++) {
    value = value * 8 + block[i]! - 0x30;
  }
  for (; i < end; i++) if (block[i] !== 0 && block[i] !== 0x20) return undefined;
  return value;
}
