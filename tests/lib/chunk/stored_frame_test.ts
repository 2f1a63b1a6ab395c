import { assert, assertEquals } from "@std/assert";
import { zstdDecompressSync } from "node:zlib";
import { readStoredFrame, storeFrame } from "../../../lib/chunk/stored_frame.ts";
import { zstdCompress } from "../../../lib/chunk/zstd.ts";
import { noise } from "../../support/disk.ts";

const block = 128 * 1024;

Deno.test("a stored frame is read by any zstd, and without one", () => {
  for (const size of [0, 1, 5, block - 1, block, block + 1, 3 * block, 3 * block + 77]) {
    const data = noise(size, 7);
    const frame = storeFrame(data);
    assertEquals(new Uint8Array(zstdDecompressSync(frame)), data, `${size} bytes`);
    assertEquals(readStoredFrame(frame, size), data, `${size} bytes`);
  }
});

Deno.test("a frame that is not stored, damaged or of another size is left to zstd", () => {
  const data = noise(block + 5, 3);
  const frame = storeFrame(data);
  assertEquals(readStoredFrame(zstdCompress(new Uint8Array(500)), 500), undefined);
  assertEquals(readStoredFrame(frame, data.length - 1), undefined);
  assertEquals(readStoredFrame(frame.subarray(0, frame.length - 1), data.length), undefined);
  assertEquals(readStoredFrame(new Uint8Array(frame.length), data.length), undefined);
  assertEquals(readStoredFrame(new Uint8Array(0), 0), undefined);
  // Each byte that is not data: the start, and what stands before the two blocks.
  const second = 9 + 3 + block;
  for (const at of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, second, second + 1, second + 2]) {
    const wrong = frame.slice();
    wrong[at]! ^= 0x10;
    assertEquals(readStoredFrame(wrong, data.length), undefined, `byte ${at}`);
  }
});

Deno.test("a stored frame may begin anywhere in its buffer", () => {
  const frame = storeFrame(noise(100, 1));
  const larger = new Uint8Array(frame.length + 7);
  larger.set(frame, 7);
  assert(readStoredFrame(larger.subarray(7), 100) !== undefined);
});
