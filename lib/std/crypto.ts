/** The typed doorway to `@std/crypto`. @module */
import { timingSafeEqual as compare } from "deno-std/crypto/timing_safe_equal.js";

/** Compares two byte strings in a time that does not tell where they differ. */
export const timingSafeEqual: (
  a: ArrayBufferView | ArrayBufferLike,
  b: ArrayBufferView | ArrayBufferLike,
) => boolean = compare;
