/** What disks of the tests hold. @module */
import { join, noise } from "./disk.ts";

/** 1.4 MB that compress well. */
export const text = new TextEncoder().encode(
  "a line of text that compresses well\n".repeat(40_000),
);

/** Noise, a hole, text and noise again. */
export const first = join(noise(3_000_000), new Uint8Array(1_000_000), text, noise(2_000_000, 2));

/** {@linkcode first} with two bytes changed. */
export const second = first.slice();
second[10]! ^= 1;
second[4_900_000]! ^= 1;
