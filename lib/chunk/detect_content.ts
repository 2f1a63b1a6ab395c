import type { ChunkerKind } from "./chunker.ts";

/** What the first bytes of a file say that it is. */
export interface DetectedContent {
  /** What it is, for people: `a GPT partition table`, `a tar archive`. */
  readonly what: string;
  /** The chunker that fits: fixed blocks where edits happen in place, content-defined where data shifts. */
  readonly chunker: ChunkerKind;
}

/** How many bytes of a file's start {@linkcode detectContent} wants. */
export const detectBytes: number = 68 * 1024;

interface Magic {
  readonly at: number;
  readonly bytes: string;
  readonly what: string;
  readonly chunker: ChunkerKind;
}

const disk = (at: number, bytes: string, what: string): Magic => ({
  at,
  bytes,
  what,
  chunker: "fixed",
});
const archive = (at: number, bytes: string, what: string): Magic => ({
  at,
  bytes,
  what,
  chunker: "cdc",
});

const magics: readonly Magic[] = [
  disk(512, "EFI PART", "a GPT partition table"),
  disk(4096, "EFI PART", "a GPT partition table with sectors of 4 KiB"),
  disk(0x438, "\x53\xef", "an ext file system"),
  disk(0, "XFSB", "an XFS file system"),
  disk(0x10040, "_BHRfS_M", "a btrfs file system"),
  disk(3, "NTFS    ", "an NTFS file system"),
  disk(32, "NXSB", "an APFS container"),
  disk(0, "LUKS\xba\xbe", "a LUKS volume"),
  disk(536, "LVM2 001", "an LVM volume"),
  disk(0x10034, "ReIsEr2Fs", "a ReiserFS file system"),
  disk(1024, "\x10\x20\xf5\xf2", "an F2FS file system"),
  disk(0, "QFI\xfb", "a qcow2 image"),
  disk(0, "KDMV", "a VMDK image"),
  disk(0, "vhdxfile", "a VHDX image"),
  disk(0, "shdw", "an ASIF image"),
  archive(257, "ustar", "a tar archive"),
  archive(0, "\x0d\0\0\0\0\0\0\0nix-archive-1", "a NAR"),
  archive(0, "070701", "a cpio archive"),
  archive(0, "070702", "a cpio archive"),
  archive(0, "\xc7\x71", "a cpio archive"),
  archive(0, "hsqs", "a squashfs image"),
  archive(1024, "\xe2\xe1\xf5\xe0", "an EROFS image"),
  archive(0x8001, "CD001", "an ISO 9660 image"),
  archive(0, "!<arch>\n", "an ar archive"),
  archive(0, "PK\x03\x04", "a zip archive"),
  archive(0, "\x1f\x8b", "gzip data"),
  archive(0, "\x28\xb5\x2f\xfd", "zstd data"),
  archive(0, "\xfd7zXZ\0", "xz data"),
  archive(0, "\x7fELF", "an ELF file"),
];

/**
 * What a file is by its first bytes: a partition table or a file system makes it a disk, the magic of an archive makes it data that
 * shifts. What is not known counts as data that shifts, unless its size is a multiple of a MiB.
 */
export function detectContent(head: Uint8Array, sizeBytes: number): DetectedContent {
  for (const { at, bytes, what, chunker } of magics) {
    let same = head.length >= at + bytes.length;
    for (let i = 0; same && i < bytes.length; i++) same = head[at + i] === bytes.charCodeAt(i);
    if (same) return { what, chunker };
  }
  if (head.length >= 512 && head[510] === 0x55 && head[511] === 0xaa) {
    return { what: "a boot sector or an MBR partition table", chunker: "fixed" };
  }
  return sizeBytes > 0 && sizeBytes % (1024 * 1024) === 0
    ? { what: "data of whole MiB without a known magic", chunker: "fixed" }
    : { what: "data without a known magic", chunker: "cdc" };
}
