/**
 * Makes kexec bundles as nixos-images has them: `kexec/{bzImage,initrd,run,kexec,ip}` in one tarball. They are well-formed (a
 * kernel header, a static ELF, a cpio), small or large as wanted, and the same bytes for the same options.
 *
 * @module
 */
import { concat } from "@std/bytes";
import defer * as zlib from "node:zlib";
import { type Digest, Hasher } from "../../lib/base/digest.ts";

/** Options of {@linkcode makeBundle}. */
export interface MakeBundleOptions {
  /** About how many bytes the tarball shall have; it is never smaller than some 80 KiB. @default {1 MiB} */
  size?: number;
  /** Which version: another one has another kernel version and other contents. @default {"1"} */
  version?: string;
  /** How it is compressed; gzip without compression is what makes large ones quickly. @default {"gz"} */
  compression?: "gz" | "zst" | "none";
  /** The machine. @default {"x86_64"} */
  arch?: "x86_64" | "aarch64";
  /** Leaves files out, or puts others in their place: to make bundles that must be refused. */
  files?: Record<string, Uint8Array | undefined>;
  /** Further members of any name, with a few bytes each. */
  extra?: readonly string[];
}

/** A bundle that was made. */
export interface MadeBundle {
  /** The file. */
  path: string;
  /** Its digest. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
}

const blockBytes = 512;
const fillerBytes = 1024 * 1024;

/** Writes a kexec bundle to a path. */
export async function makeBundle(
  path: string,
  options: MakeBundleOptions = {},
): Promise<MadeBundle> {
  const { size = 1024 * 1024, version = "1", compression = "gz", arch = "x86_64" } = options;
  const hasher = new Hasher();
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const write = async (bytes: Uint8Array) => {
    hasher.update(bytes);
    for (let offset = 0; offset < bytes.byteLength;) {
      offset += await file.write(bytes.subarray(offset));
    }
  };
  const packed = packers[compression];
  const pieces = tarPieces(bundleFiles(size, version, arch, options.files ?? {}));
  for (const piece of packed(pieces)) await write(piece);
  return { path, digest: hasher.digest(), size: hasher.size };
}

/** The bytes of a kexec bundle. */
export function bundleBytes(options: MakeBundleOptions = {}): Uint8Array<ArrayBuffer> {
  const { size = 1024 * 1024, version = "1", compression = "gz", arch = "x86_64" } = options;
  const files = bundleFiles(size, version, arch, options.files ?? {});
  const extra = (options.extra ?? []).map((name): TarFile => {
    const bytes = new TextEncoder().encode(name);
    return { name, mode: 0o644, size: bytes.byteLength, pieces: () => [bytes] };
  });
  const pieces = tarPieces([...files, ...extra]);
  return concat([...packers[compression](pieces)]);
}

/** The start of a Linux kernel for x86 with its setup header (protocol 2.15, loadable at 64 bits) and its version. */
export function kernelImage(version: string, arch: "x86_64" | "aarch64"): Uint8Array {
  const image = new Uint8Array(32 * 1024);
  const view = new DataView(image.buffer);
  if (arch === "aarch64") {
    view.setUint32(0, 0x14000000, true);
    view.setBigUint64(16, BigInt(image.byteLength), true);
    image.set(new TextEncoder().encode("ARM\x64"), 56);
    return image;
  }
  image[0x1f1] = 1;
  image[0x211] = 1;
  view.setUint32(0x1f4, (image.byteLength - 1024) / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  image.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint16(0x206, 0x020f, true);
  view.setUint16(0x20e, 0x400 - 0x200, true);
  view.setUint16(0x236, 1, true);
  image.set(new TextEncoder().encode(`6.12.${version}-kedge (made for tests)\0`), 0x400);
  return image;
}

/** A static ELF program of some machine that ends with code 0 (x86_64), without an interpreter. */
export function staticProgram(arch: "x86_64" | "aarch64"): Uint8Array {
  const headerBytes = 64 + 56;
  const code = [0xb8, 0x3c, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05];
  const program = new Uint8Array(headerBytes + code.length);
  const view = new DataView(program.buffer);
  program.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, arch === "x86_64" ? 62 : 183, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(0x400000 + headerBytes), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 5, true);
  view.setBigUint64(80, 0x400000n, true);
  view.setBigUint64(88, 0x400000n, true);
  view.setBigUint64(96, BigInt(program.length), true);
  view.setBigUint64(104, BigInt(program.length), true);
  view.setBigUint64(112, 0x1000n, true);
  program.set(code, headerBytes);
  return program;
}

const runScript = `#!/bin/sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$here/kexec" --load "$here/bzImage" --initrd="$here/initrd" --no-checks "$@"
echo "machine will boot into nixos in 6s..."
`;

interface TarFile {
  name: string;
  mode: number;
  size: number;
  pieces: () => Iterable<Uint8Array>;
}

function bundleFiles(
  size: number,
  version: string,
  arch: "x86_64" | "aarch64",
  replaced: Record<string, Uint8Array | undefined>,
): TarFile[] {
  const small = (name: string, mode: number, bytes: Uint8Array): TarFile => ({
    name: `kexec/${name}`,
    mode,
    size: bytes.byteLength,
    pieces: () => [bytes],
  });
  const files = new Map<string, TarFile>();
  files.set("bzImage", small("bzImage", 0o444, kernelImage(version, arch)));
  files.set("initrd", initrd(Math.max(4096, size - 80 * 1024), version));
  files.set("run", small("run", 0o555, new TextEncoder().encode(runScript)));
  files.set("kexec", small("kexec", 0o555, staticProgram(arch)));
  files.set("ip", small("ip", 0o555, staticProgram(arch)));
  for (const [name, bytes] of Object.entries(replaced)) {
    if (bytes === undefined) files.delete(name);
    else files.set(name, small(name, files.get(name)?.mode ?? 0o444, bytes));
  }
  return [...files.values()];
}

/** A cpio archive of one file that no compression makes smaller. */
function initrd(size: number, version: string): TarFile {
  const contents = size - size % 4 - 244;
  const header = cpioHeader("filler", contents);
  const trailer = cpioHeader("TRAILER!!!", 0);
  return {
    name: "kexec/initrd",
    mode: 0o444,
    size: header.byteLength + contents + trailer.byteLength,
    *pieces() {
      yield header;
      const block = filler(version);
      for (let done = 0, at = 0; done < contents; done += fillerBytes, at++) {
        new DataView(block.buffer).setUint32(0, at, true);
        yield block.slice(0, Math.min(fillerBytes, contents - done));
      }
      yield trailer;
    },
  };
}

function cpioHeader(name: string, size: number): Uint8Array {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  const fields = [1, 0o100644, 0, 0, 1, 0, size, 0, 0, 0, 0, name.length + 1, 0];
  const text = `070701${fields.map(hex).join("")}${name}\0`;
  return new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 4) * 4, "\0"));
}

function filler(version: string): Uint8Array {
  const words = new Uint32Array(fillerBytes / 4);
  let state = [...version].reduce((sum, char) => sum * 31 + char.charCodeAt(0) | 0, 0x2545f491) ||
    1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer);
}

function* tarPieces(files: readonly TarFile[]): Generator<Uint8Array> {
  yield tarHeader("kexec/", 0o755, 0, "5");
  for (const file of files) {
    yield tarHeader(file.name, file.mode, file.size, "0");
    yield* file.pieces();
    yield new Uint8Array((blockBytes - file.size % blockBytes) % blockBytes);
  }
  yield new Uint8Array(2 * blockBytes);
}

function tarHeader(name: string, mode: number, size: number, type: string): Uint8Array {
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  const fields = name.padEnd(100, "\0") + octal(mode, 8) + octal(0, 8) + octal(0, 8) +
    octal(size, 12) + octal(1, 12) + " ".repeat(8) + type + "\0".repeat(100) + "ustar\x0000" +
    "root".padEnd(32, "\0") + "root".padEnd(32, "\0");
  const header = new Uint8Array(blockBytes);
  header.set(new TextEncoder().encode(fields));
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return header;
}

const packers = { gz: gzipStored, zst: zstdFrames, none: (pieces: Iterable<Uint8Array>) => pieces };

/** Gzip whose blocks are stored, not compressed: as fast as a copy. */
function* gzipStored(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  let sum = 0;
  let total = 0;
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.byteLength; offset += 0xffff) {
      const part = piece.subarray(offset, offset + 0xffff);
      yield new Uint8Array(
        new Uint8Array([
          0,
          part.length & 255,
          part.length >> 8,
          ~part.length & 255,
          ~part.length >> 8 & 255,
        ]),
      );
      yield part;
    }
    sum = zlib.crc32(piece, sum);
    total += piece.byteLength;
  }
  yield new Uint8Array([1, 0, 0, 0xff, 0xff]);
  const end = new DataView(new ArrayBuffer(8));
  end.setUint32(0, sum, true);
  end.setUint32(4, total % 2 ** 32, true);
  yield new Uint8Array(end.buffer);
}

function* zstdFrames(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const piece of pieces) if (piece.byteLength > 0) yield zlib.zstdCompressSync(piece);
}
