/**
 * The content-defined cut: normalised gear hashing.
 *
 * Follows Xia et al., "FastCDC" (USENIX ATC 2016): a gear hash of 32 bits, judged by its high bits; a stricter mask before the mean
 * length and a laxer one after it (normalisation level 2); nothing is judged before the minimum.
 *
 * The loop over the bytes is WebAssembly: V8 makes it half again as fast as the same loop in TypeScript, which checks the bounds of two arrays
 * at every byte. So it cuts only bytes that lie in its own memory.
 *
 * @module
 */
import type { Chunker } from "./chunker.ts";
import { type Code, wasm, wasmModule } from "./wasm.ts";

/** The 256 gear values: the finaliser of MurmurHash3 over the byte's number times 0x9e3779b9, plus one step of it. */
export function gearTable(): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let h = Math.imul(byte + 1, 0x9e3779b9);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  });
}

/** The gear values lie at the start of the memory, the bytes that are cut behind them. */
const tableBytes = 1024;
const pageBytes = 65_536;

type Cut = (at: number, normal: number, limit: number, strict: number, lax: number) => number;

/** Finds the ends of chunks in a memory of its own. */
export class GearCutter {
  #memory = new WebAssembly.Memory({ initial: 1 });
  #cut: Cut;

  /** Compiles the loop; its memory is empty. */
  constructor() {
    new Int32Array(this.#memory.buffer, 0, 256).set(gearTable());
    compiled ??= new WebAssembly.Module(cutModule());
    const env = { memory: this.#memory };
    this.#cut = new WebAssembly.Instance(compiled, { env }).exports["run"] as Cut;
  }

  /** So many bytes, for what is to be cut. They hold what was put there before; larger ones make smaller ones void. */
  room(size: number): Uint8Array<ArrayBuffer> {
    const missing = tableBytes + size - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / pageBytes));
    return new Uint8Array(this.#memory.buffer as ArrayBuffer, tableBytes, size);
  }

  /**
   * The end of the chunk that begins at byte `start` of the room; `end` is the end of the data, or at least `start` plus the greatest length.
   */
  cut(start: number, end: number, { minBytes, avgBytes, maxBytes }: Chunker): number {
    const limit = Math.min(end, start + maxBytes);
    const first = start + minBytes;
    if (first >= limit) return limit;
    const normal = Math.min(limit, start + avgBytes);
    const bits = 31 - Math.clz32(avgBytes);
    return this.#cut(first, normal, limit, 1 << (32 - bits - 2), 1 << (32 - bits + 2));
  }
}

let compiled: WebAssembly.Module | undefined;

/**
 * The loop. High bits that are all 0 are a hash below a power of two, `strict` up to `normal`, and `lax` from there to `limit`; the result is the byte
 * after the first such hash, else `limit`.
 */
function cutModule(): Uint8Array<ArrayBuffer> {
  const [at, normal, limit, strict, lax, hash, last] = [0, 1, 2, 3, 4, 5, 6];
  const unrolled = 8;
  const { get, set, tee, add } = wasm;

  /** Takes the byte `ahead` bytes on into the hash, and leaves whether it is below the bound. */
  const below = (bound: number, ahead: number): Code => [
    [get(hash), wasm.const(1), wasm.shiftLeft],
    [get(at), wasm.loadByte(tableBytes + ahead), wasm.const(2), wasm.shiftLeft, wasm.loadWord(0)],
    [add, tee(hash), get(bound), wasm.lessUnsigned],
  ];
  const returnAfter = (ahead: number): Code => [
    get(at),
    wasm.const(ahead + 1),
    add,
    wasm.return,
  ];
  const step = (bytes: number): Code => [get(at), wasm.const(bytes), add, set(at)];

  /** Judges every byte up to `end`, eight in a row as long as there are eight. */
  const search = (bound: number, end: number): Code => [
    [get(end), wasm.const(unrolled), wasm.sub, set(last)],
    wasm.block(wasm.loop(
      [get(at), get(last), wasm.greaterSigned, wasm.branchIf(1)],
      Array.from({ length: unrolled }, (_, ahead) => [
        below(bound, ahead),
        wasm.if(returnAfter(ahead)),
      ]),
      step(unrolled),
      wasm.branch(0),
    )),
    wasm.block(wasm.loop(
      [get(at), get(end), wasm.notLessUnsigned, wasm.branchIf(1)],
      [below(bound, 0), wasm.if(returnAfter(0))],
      step(1),
      wasm.branch(0),
    )),
  ];

  const body = [search(strict, normal), search(lax, limit), get(limit)];
  return wasmModule({ parameters: 5, locals: 2, body });
}
