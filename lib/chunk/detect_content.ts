import type { ChunkerKind } from "./chunker.ts";

/** What the first bytes of a file say that it is. */
export interface DetectedContent {
  /** What it is, for people: `a GPT partition table`, `a tar archive`. */
  readonly what: string;
  /** The chunker that fits: fixed blocks where edits happen in place, content-defined where data shifts. */
  readonly chunker: ChunkerKind;
  /** Whether a magic says so. */
  readonly known: boolean;
}

/** How many bytes of a file's start {@linkcode detectContent} wants. */
export const detectBytes: number = 68 * 1024;

interface Magic {
  readonly at: number;
  readonly bytes: string;
  readonly what: string;
  readonly chunker: ChunkerKind;
}

/** A disk that a machine runs from: it is edited in place. */
const disk = (at: number, bytes: string, what: string): Magic => ({
  at,
  bytes,
  what,
  chunker: "fixed",
});
/**
 * What is built anew for each version, so that its files shift. A lone file system is: of a Debian image in ext4 with a month of updates, fixed
 * blocks move 2.5 times as much as content-defined chunks; in place edits move a third less in fixed blocks.
 */
const built = (at: number, bytes: string, what: string): Magic => ({
  at,
  bytes,
  what,
  chunker: "cdc",
});

const magics: readonly Magic[] = [
  // First: one that boots from a stick too has a partition table.
  built(0x8001, "CD001", "an ISO 9660 image"),
  disk(512, "EFI PART", "a GPT partition table"),
  disk(4096, "EFI PART", "a GPT partition table with sectors of 4 KiB"),
  built(0x438, "\x53\xef", "an ext file system"),
  built(0, "XFSB", "an XFS file system"),
  built(0x10040, "_BHRfS_M", "a btrfs file system"),
  disk(3, "NTFS    ", "an NTFS file system"),
  disk(32, "NXSB", "an APFS container"),
  disk(0, "LUKS\xba\xbe", "a LUKS volume"),
  disk(536, "LVM2 001", "an LVM volume"),
  built(0x10034, "ReIsEr2Fs", "a ReiserFS file system"),
  built(1024, "\x10\x20\xf5\xf2", "an F2FS file system"),
  disk(0, "QFI\xfb", "a qcow2 image"),
  disk(0, "KDMV", "a VMDK image"),
  disk(0, "vhdxfile", "a VHDX image"),
  disk(0, "shdw", "an ASIF image"),
  built(257, "ustar", "a tar archive"),
  built(0, "\x0d\0\0\0\0\0\0\0nix-archive-1", "a NAR"),
  built(0, "070701", "a cpio archive"),
  built(0, "070702", "a cpio archive"),
  built(0, "\xc7\x71", "a cpio archive"),
  built(0, "hsqs", "a squashfs image"),
  built(1024, "\xe2\xe1\xf5\xe0", "an EROFS image"),
  built(0, "!<arch>\n", "an ar archive"),
  built(0, "PK\x03\x04", "a zip archive"),
  built(0, "\x1f\x8b", "gzip data"),
  built(0, "\x28\xb5\x2f\xfd", "zstd data"),
  built(0, "\xfd7zXZ\0", "xz data"),
  built(0, "\x7fELF", "an ELF file"),
];

/**
 * What a file is by its first bytes: a partition table makes it a disk, the magic of a file system or of an archive makes it data that
 * shifts. What is not known counts as data that shifts, unless its size is a multiple of a MiB.
 */
export function detectContent(head: Uint8Array, sizeBytes: number): DetectedContent {
  for (const { at, bytes, what, chunker } of magics) {
    let same = head.length >= at + bytes.length;
    for (let i = 0; same && i < bytes.length; i++) same = head[at + i] === bytes.charCodeAt(i);
    if (same) return { what, chunker, known: true };
  }
  if (head.length >= 512 && head[510] === 0x55 && head[511] === 0xaa) {
    return { what: "a boot sector or an MBR partition table", chunker: "fixed", known: true };
  }
  return sizeBytes > 0 && sizeBytes % (1024 * 1024) === 0
    ? { what: "data of whole MiB without a known magic", chunker: "fixed", known: false }
    : { what: "data without a known magic", chunker: "cdc", known: false };
}
