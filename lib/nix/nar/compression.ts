/** How a NAR is packed. */
export type NarCompression = "zstd" | "xz" | "none";

/** How NARs are packed, and how hard. */
export interface NarPacking {
  /** The method. */
  compression: NarCompression;
  /** The level: -99 to 19 for zstd, 0 to 9 for xz; `none` has none. */
  level: number;
}

const suffixes: Record<NarCompression, string> = { zstd: ".zst", xz: ".xz", none: "" };

/** What decides the bytes of a packed NAR, as words of a key; it changes where the same level comes to pack otherwise. */
export function packingKey({ compression, level }: NarPacking): string {
  const tables = compression === "zstd" && level === packingLevels.zstd.default
    ? " small-tables"
    : "";
  return `${compression} ${level}${tables}`;
}

/** What follows `.nar` in the name of a packed NAR. */
export function narSuffix(compression: NarCompression): string {
  return suffixes[compression];
}

/** The levels that a method has, and the one that is taken by default. */
export const packingLevels: Record<NarCompression, { min: number; max: number; default: number }> =
  {
    zstd: { min: -99, max: 19, default: 3 },
    xz: { min: 0, max: 9, default: 6 },
    none: { min: 0, max: 0, default: 0 },
  };

/** How many bytes a NAR of this size takes at most once it is packed. */
export function packedBound(packing: NarPacking, narSize: number): number {
  if (packing.compression === "none") return narSize;
  // zstd: 3 bytes a block of 128 KiB and 32 a frame of 2 MiB; xz: 1/3 per thousand, and its headers.
  return narSize + Math.ceil(narSize / 2048) + 1024;
}
