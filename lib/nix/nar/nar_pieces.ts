/**
 * Packs a file, a folder or a symlink as a NAR.
 *
 * Invariants: names are ordered by their bytes; of a file's mode only the owner's executable bit counts; every string is padded
 * to 8 bytes; the memory is one buffer whatever the size; a file that changes its size while it is read is an error.
 *
 * Follows the Nix archive specification (`protocols/nix-archive`).
 *
 * @module
 */
import { KedgeError } from "../../base/errors.ts";
import { compareBytes } from "../store_path.ts";
import { lookAtNode, targetOf } from "./tree_node.ts";

const encoder = new TextEncoder();

/** A string of a NAR: its length in 64 bits, its bytes, its padding. */
export function narString(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  const whole = new Uint8Array(8 + padded(bytes.length));
  new DataView(whole.buffer).setBigUint64(0, BigInt(bytes.length), true);
  whole.set(bytes, 8);
  return whole;
}

/** A size rounded up to 8 bytes. */
export function padded(size: number): number {
  return Math.ceil(size / 8) * 8;
}

function joined(...texts: string[]): Uint8Array<ArrayBuffer> {
  const parts = texts.map(narString);
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** What is the same in every NAR, by what it begins or ends. */
export const narWords = {
  magic: narString("nix-archive-1"),
  close: narString(")"),
  regular: joined("(", "type", "regular"),
  executable: joined("executable", ""),
  contents: narString("contents"),
  symlink: joined("(", "type", "symlink", "target"),
  directory: joined("(", "type", "directory"),
  entry: joined("entry", "(", "name"),
  node: narString("node"),
} as const;

/**
 * The NAR of a path, in pieces of the given size (the last one is smaller). All pieces share one buffer: each is
 * to be used up before the next one is asked for. The pieces are read as they are asked for, synchronously.
 *
 * @throws {KedgeError} if something is neither file, folder nor symlink, has no name in UTF-8, or changes while it is read
 */
export function* narPieces(
  path: string,
  pieceBytes = 1024 * 1024,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const buffer = new Uint8Array(pieceBytes);
  let filled = 0;

  function* put(bytes: Uint8Array): Generator<Uint8Array<ArrayBuffer>, void, void> {
    let offset = 0;
    while (offset < bytes.length) {
      const count = Math.min(bytes.length - offset, pieceBytes - filled);
      buffer.set(bytes.subarray(offset, offset + count), filled);
      filled += count;
      offset += count;
      if (filled === pieceBytes) {
        yield buffer;
        filled = 0;
      }
    }
  }

  function* putFile(file: string, size: number): Generator<Uint8Array<ArrayBuffer>, void, void> {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(size), true);
    yield* put(length);
    using handle = Deno.openSync(file);
    let left = size;
    while (left > 0) {
      const count = handle.readSync(
        buffer.subarray(filled, filled + Math.min(left, pieceBytes - filled)),
      );
      if (count === null) throw changed(file);
      left -= count;
      filled += count;
      if (filled === pieceBytes) {
        yield buffer;
        filled = 0;
      }
    }
    if (handle.readSync(new Uint8Array(1)) !== null) throw changed(file);
    yield* put(new Uint8Array(padded(size) - size));
  }

  function* putNode(at: string): Generator<Uint8Array<ArrayBuffer>, void, void> {
    const info = lookAtNode(at);
    if (info.isSymlink) {
      yield* put(narWords.symlink);
      yield* put(narString(targetOf(at)));
    } else if (info.isDirectory) {
      yield* put(narWords.directory);
      const names = [...Deno.readDirSync(at)].map((each) => each.name).sort(compareBytes);
      for (const name of names) {
        yield* put(narWords.entry);
        yield* put(narString(name));
        yield* put(narWords.node);
        yield* putNode(`${at}/${name}`);
        yield* put(narWords.close);
      }
    } else if (info.isFile) {
      yield* put(narWords.regular);
      if (((info.mode ?? 0) & 0o100) !== 0) yield* put(narWords.executable);
      yield* put(narWords.contents);
      yield* putFile(at, info.size);
    } else {
      throw new KedgeError(`Cannot pack "${at}": it is neither file, folder nor symlink`);
    }
    yield* put(narWords.close);
  }

  yield* put(narWords.magic);
  yield* putNode(path);
  if (filled > 0) yield buffer.subarray(0, filled);
}

function changed(file: string): KedgeError {
  return new KedgeError(`Cannot pack "${file}": it changed while it was read`);
}
