/** The typed doorway to `@std/bytes`, for tests alone. @module */
import { concat as join } from "deno-std/bytes/concat.js";
import { equals as same } from "deno-std/bytes/equals.js";

/** The bytes of all pieces, one behind the other. */
export const concat: (pieces: Uint8Array[]) => Uint8Array<ArrayBuffer> = join;

/** Whether both hold the same bytes. */
export const equals: (one: Uint8Array, other: Uint8Array) => boolean = same;
