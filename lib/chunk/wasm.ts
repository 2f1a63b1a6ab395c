/**
 * As much of an assembler for WebAssembly as one loop needs: instructions are arrays of bytes, nested as the code is.
 *
 * Follows the binary format of the WebAssembly core specification 1.0, section 5.
 *
 * @module
 */

/** Instructions, nested at will. */
export type Code = number | readonly Code[];

/** Instructions on 32-bit integers and memory; offsets and branch depths are small and not negative. */
export const wasm = {
  get: (local: number): Code => [0x20, local],
  set: (local: number): Code => [0x21, local],
  tee: (local: number): Code => [0x22, local],
  const: (value: number): Code => [0x41, signed(value)],
  add: 0x6a,
  sub: 0x6b,
  shiftLeft: 0x74,
  lessUnsigned: 0x49,
  greaterSigned: 0x4a,
  notLessUnsigned: 0x4f,
  /** The byte at an address plus an offset. */
  loadByte: (offset: number): Code => [0x2d, 0, unsigned(offset)],
  /** The word at an address plus an offset, aligned. */
  loadWord: (offset: number): Code => [0x28, 2, unsigned(offset)],
  return: 0x0f,
  /** Goes to the end of the block so many levels out, or to the start if it is a loop, if the stack holds no 0. */
  branchIf: (depth: number): Code => [0x0d, depth],
  branch: (depth: number): Code => [0x0c, depth],
  block: (...body: Code[]): Code => [0x02, 0x40, body, 0x0b],
  loop: (...body: Code[]): Code => [0x03, 0x40, body, 0x0b],
  if: (...body: Code[]): Code => [0x04, 0x40, body, 0x0b],
} as const;

const i32 = 0x7f;

/** A module that exports one function `run` of 32-bit integers, and takes its memory as `env.memory`. */
export function wasmModule(
  shape: { parameters: number; locals: number; body: readonly Code[] },
): Uint8Array<ArrayBuffer> {
  const { parameters, locals, body } = shape;
  const code = [list([[unsigned(locals), i32]]), body, 0x0b];
  const type = [0x60, list(Array(parameters).fill(i32)), list([i32])];
  return Uint8Array.from(flat([
    [0, text("asm").slice(1), 1, 0, 0, 0],
    section(1, list([type])),
    section(2, list([[text("env"), text("memory"), 2, 0, 1]])),
    section(3, list([0])),
    section(7, list([[text("run"), 0, 0]])),
    section(10, list([sized(code)])),
  ]));
}

function section(id: number, content: Code): Code {
  return [id, sized(content)];
}

function sized(content: Code): Code {
  const bytes = flat(content);
  return [unsigned(bytes.length), bytes];
}

function list(items: readonly Code[]): Code {
  return [unsigned(items.length), items];
}

function text(value: string): number[] {
  return [value.length, ...new TextEncoder().encode(value)];
}

function flat(code: Code): number[] {
  return typeof code === "number" ? [code] : code.flatMap(flat);
}

/** LEB128 of a number that is not negative. */
function unsigned(value: number): number[] {
  const more = value >>> 7;
  return more === 0 ? [value] : [value & 0x7f | 0x80, ...unsigned(more)];
}

/** Signed LEB128 of a 32-bit integer. */
function signed(value: number): number[] {
  const more = value >> 7;
  const done = more === (value & 0x40 ? -1 : 0);
  return done ? [value & 0x7f] : [value & 0x7f | 0x80, ...signed(more)];
}
