/** The typed doorway to `@std/bytes`, for tests alone. @module */
import { concat as join } from "deno-std/bytes/concat.js";

/** The bytes of all pieces, one behind the other. */
export const concat: (pieces: Uint8Array[]) => Uint8Array<ArrayBuffer> = join;
