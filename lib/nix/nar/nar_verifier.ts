/**
 * Reads a NAR as it comes, hashes it, and refuses whatever Nix's writer would not have written.
 *
 * Invariants: names are in their order, without `/`, NUL, `.` and `..`; padding is zero; nothing follows the end; the depth
 * is bounded, and the length of names and targets is what Linux lets a file have, so that no input makes the memory grow.
 *
 * @module
 */
import { type Digest, Hasher } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { compareBytes } from "../store_path.ts";

/** What a whole NAR turned out to be. */
export interface NarSummary {
  /** Its sha256. */
  narHash: Digest;
  /** Its size, in bytes. */
  narSize: number;
}

/** Told of what a NAR holds, as it comes; paths are relative to what was packed, which itself is `""`. */
export interface NarVisitor {
  /** A folder begins. */
  directory(path: string): void;
  /** A file begins; so many bytes of it follow. */
  file(path: string, executable: boolean, size: number): void;
  /** The next bytes of the file that began last. */
  contents(bytes: Uint8Array): void;
  /** A symlink. */
  symlink(path: string, target: string): void;
}

type Want = { read: number } | { skip: number };

const longestWord = 64;
const longestName = 255;
const longestTarget = 4095;
const deepest = 1000;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Takes the bytes of one NAR in pieces of any size. */
export class NarVerifier {
  #hasher = new Hasher();
  #visitor: NarVisitor | undefined;
  #parser: Generator<Want, void, Uint8Array>;
  #want: Want | undefined;
  #kept = new Uint8Array(longestTarget + 1);
  #keptBytes = 0;

  /** Expects the first byte; the visitor is told of what comes, before the whole is known to be right. */
  constructor(visitor?: NarVisitor) {
    this.#visitor = visitor;
    this.#parser = parse(visitor);
    this.#want = this.#parser.next().value as Want;
  }

  /**
   * Takes more bytes.
   *
   * @throws {VerificationError} if they are not NAR
   */
  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
    let offset = 0;
    while (offset < bytes.length) {
      const want = this.#want;
      if (want === undefined) throw bad("something follows its end");
      if ("skip" in want) {
        const count = Math.min(want.skip, bytes.length - offset);
        if (this.#visitor !== undefined) {
          this.#visitor.contents(bytes.subarray(offset, offset + count));
        }
        want.skip -= count;
        offset += count;
        if (want.skip === 0) this.#advance(new Uint8Array());
        continue;
      }
      const count = Math.min(want.read - this.#keptBytes, bytes.length - offset);
      this.#kept.set(bytes.subarray(offset, offset + count), this.#keptBytes);
      this.#keptBytes += count;
      offset += count;
      if (this.#keptBytes === want.read) {
        this.#keptBytes = 0;
        this.#advance(this.#kept.subarray(0, want.read));
      }
    }
  }

  /**
   * Hash and size, once all bytes were taken.
   *
   * @throws {VerificationError} if the NAR is cut
   */
  end(): NarSummary {
    if (this.#want !== undefined) throw bad("it ends too early");
    return { narHash: this.#hasher.digest(), narSize: this.#hasher.size };
  }

  #advance(bytes: Uint8Array): void {
    const next = this.#parser.next(bytes);
    this.#want = next.done ? undefined : next.value;
  }
}

function* parse(visitor: NarVisitor | undefined): Generator<Want, void, Uint8Array> {
  yield* expect("nix-archive-1");
  yield* parseNode(0, "", visitor);
}

function* parseNode(
  depth: number,
  path: string,
  visitor: NarVisitor | undefined,
): Generator<Want, void, Uint8Array> {
  if (depth > deepest) throw bad(`it is more than ${deepest} folders deep`);
  yield* expect("(");
  yield* expect("type");
  const type = yield* text();
  if (type === "regular") {
    let next = yield* text();
    const executable = next === "executable";
    if (executable) {
      yield* expect("");
      next = yield* text();
    }
    if (next !== ")" && next !== "contents") throw unexpected(next, "contents");
    // An empty file may lack its contents.
    const size = next === ")" ? 0 : yield* length();
    visitor?.file(path, executable, size);
    if (next === ")") return;
    if (size > 0) yield { skip: size };
    yield* zeros((8 - size % 8) % 8);
    yield* expect(")");
  } else if (type === "symlink") {
    yield* expect("target");
    const target = yield* text("target", longestTarget);
    if (target === "" || target.includes("\0")) throw bad("a symlink leads nowhere");
    visitor?.symlink(path, target);
    yield* expect(")");
  } else if (type === "directory") {
    visitor?.directory(path);
    let previous: string | undefined;
    for (;;) {
      const next = yield* text();
      if (next === ")") return;
      if (next !== "entry") throw unexpected(next, "entry");
      yield* expect("(");
      yield* expect("name");
      const name = yield* text("name", longestName);
      if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
        throw bad(`an entry is named ${JSON.stringify(name.slice(0, 60))}`);
      }
      if (previous !== undefined && compareBytes(previous, name) >= 0) {
        throw bad(`${JSON.stringify(name.slice(0, 60))} is out of order`);
      }
      previous = name;
      yield* expect("node");
      yield* parseNode(depth + 1, path === "" ? name : `${path}/${name}`, visitor);
      yield* expect(")");
    }
  } else {
    throw bad(`a node is of the type ${JSON.stringify(type.slice(0, 60))}`);
  }
}

function* length(): Generator<Want, number, Uint8Array> {
  const bytes = yield { read: 8 };
  const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw bad("a length is beyond all sizes");
  return Number(value);
}

function* text(kind = "word", most = longestWord): Generator<Want, string, Uint8Array> {
  const size = yield* length();
  if (size > most) throw bad(`a ${kind} of ${size} bytes is too long`);
  let value = "";
  if (size > 0) {
    try {
      value = decoder.decode(yield { read: size });
    } catch (cause) {
      throw bad(`a ${kind} is not UTF-8`, cause);
    }
  }
  yield* zeros((8 - size % 8) % 8);
  return value;
}

function* zeros(count: number): Generator<Want, void, Uint8Array> {
  if (count > 0 && (yield { read: count }).some((byte) => byte !== 0)) {
    throw bad("its padding is not zero");
  }
}

function* expect(word: string): Generator<Want, void, Uint8Array> {
  const found = yield* text();
  if (found !== word) throw unexpected(found, word);
}

function unexpected(found: string, wanted: string): VerificationError {
  return bad(`${JSON.stringify(found.slice(0, 60))} stands where ${JSON.stringify(wanted)} must`);
}

function bad(state: string, cause?: unknown): VerificationError {
  return new VerificationError(`Cannot read the NAR: ${state}`, { cause });
}
