/**
 * SHA-256 of some kilobytes in plain JavaScript, by FIPS 180-4. The first use of `node:crypto` loads much of Node, which costs a
 * program as much as its whole start; whoever hashes a file has to pay for that, whoever hashes a name or a manifest has not.
 *
 * @module
 */

const roundConstants = fractionsOfRoots(64, Math.cbrt);
const initialState = fractionsOfRoots(8, Math.sqrt);

/** The SHA-256 of a message in pieces, in lower-case hexadecimal. */
export function shortSha256(pieces: readonly Uint8Array[]): string {
  const state = initialState.slice();
  const words = new Int32Array(64);
  const message = padded(pieces);
  for (let offset = 0; offset < message.byteLength; offset += 64) {
    for (let at = 0; at < 16; at++) words[at] = message.getInt32(offset + 4 * at);
    compress(state, words);
  }
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** The message, a bit, zeros, and the number of its bits, in whole blocks. */
function padded(pieces: readonly Uint8Array[]): DataView {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const message = new Uint8Array((size + 8 >> 6) + 1 << 6);
  let at = 0;
  for (const piece of pieces) {
    message.set(piece, at);
    at += piece.length;
  }
  message[size] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(message.length - 4, size * 8);
  return view;
}

/** Takes one block of sixteen words into the state; `w` has room for the 48 that follow from them. */
function compress(state: Int32Array, w: Int32Array): void {
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15]!;
    const y = w[t - 2]!;
    const small0 = rotated(x, 7) ^ rotated(x, 18) ^ x >>> 3;
    const small1 = rotated(y, 17) ^ rotated(y, 19) ^ y >>> 10;
    w[t] = w[t - 16]! + small0 + w[t - 7]! + small1;
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let t = 0; t < 64; t++) {
    const big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const first = h + big1 + (e & f ^ ~e & g) + roundConstants[t]! + w[t]! | 0;
    const big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const second = big0 + (a & b ^ a & c ^ b & c) | 0;
    h = g;
    g = f;
    f = e;
    e = d + first | 0;
    d = c;
    c = b;
    b = a;
    a = first + second | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

function rotated(word: number, bits: number): number {
  return word >>> bits | word << 32 - bits;
}

/** The first 32 bits of the fractions of the roots of the first primes: the constants of the standard. */
function fractionsOfRoots(count: number, root: (n: number) => number): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return Int32Array.from(primes, (prime) => root(prime) % 1 * 2 ** 32);
}
