/** How a tarball is packed. */
export type TarballCompression = "gzip" | "xz" | "zstd" | "none";

const magics: readonly { compression: TarballCompression; bytes: readonly number[]; at: number }[] =
  [
    { compression: "gzip", bytes: [0x1f, 0x8b], at: 0 },
    { compression: "xz", bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], at: 0 },
    { compression: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd], at: 0 },
    { compression: "none", bytes: [0x75, 0x73, 0x74, 0x61, 0x72], at: 257 },
  ];

/** How many bytes of a file {@linkcode compressionOfBytes} wants to see. */
export const compressionMagicBytes = 262;

/** How a tarball is packed, by its first bytes; `undefined` if it is none. */
export function compressionOfBytes(head: Uint8Array): TarballCompression | undefined {
  return magics.find(({ bytes, at }) => bytes.every((byte, index) => head[at + index] === byte))
    ?.compression;
}

const suffixes: Readonly<Record<string, TarballCompression>> = {
  ".tar.gz": "gzip",
  ".tar.xz": "xz",
  ".tar.zst": "zstd",
  ".tar": "none",
};

/** The suffixes by which nixos-anywhere tells how a tarball is packed. */
export const tarballSuffixes: readonly string[] = Object.keys(suffixes);

/** How nixos-anywhere unpacks a tarball of this name; `undefined` where the name does not tell. */
export function compressionOfName(name: string): TarballCompression | undefined {
  const suffix = tarballSuffixes.find((each) => name.endsWith(each));
  return suffix === undefined ? undefined : suffixes[suffix];
}
