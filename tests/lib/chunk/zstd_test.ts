import { assertEquals, assertThrows } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import { freeMemory } from "../../../lib/base/free_memory.ts";
import { FrameUnpacker } from "../../../lib/chunk/frame_unpacker.ts";
import { zstdCompress, zstdDecompress } from "../../../lib/chunk/zstd.ts";
import { join, noise, runFrame } from "../../support/disk.ts";

Deno.test("zstdDecompress() takes a window of 128 MiB, and says of a larger one that it is", () => {
  assertEquals(zstdDecompress(runFrame(7, 1000, 27), 1000, "it"), new Uint8Array(1000).fill(7));
  assertThrows(
    () => zstdDecompress(runFrame(7, 1000, 28), 1000, "it"),
    VerificationError,
    "Cannot unpack it: its frame has a window of more than 128 MiB",
  );
  assertThrows(
    () => zstdDecompress(new Uint8Array(100).fill(0xc0), 1000, "it"),
    VerificationError,
    "Cannot unpack it: it is not a sound zstd frame",
  );
});

Deno.test("zstdDecompress() and FrameUnpacker refuse a frame that is cut off before its last block, though all bytes are there", () => {
  const start = runFrame(7, 1000, 17);
  start[6]! &= ~1; // Its block is not the last one.
  const plain = new Uint8Array(1000).fill(7);
  const frame = join(start, new Uint8Array([1, 0, 0]));
  assertEquals(zstdDecompress(frame, 1000, "it"), plain);
  assertThrows(
    () => zstdDecompress(start, 1000, "it"),
    VerificationError,
    "Cannot unpack it: it is not a sound zstd frame",
  );
  const unpacker = new FrameUnpacker();
  const output = new Uint8Array(1000);
  assertEquals([unpacker.unpack(start, output), unpacker.unpack(frame, output)], [false, true]);
  assertEquals(output, plain);
});

Deno.test("freeMemory() gives the memory of a packed chunk back, from the least length of a chunk on", () => {
  for (const size of [4096, 8192, 65536, 4 * 1024 * 1024]) {
    for (const data of [noise(size), new Uint8Array(size)]) {
      const packed = zstdCompress(data);
      freeMemory(packed);
      assertEquals(packed.buffer.byteLength, 0, `of ${size} bytes`);
    }
  }
});

Deno.test("freeMemory() leaves what lies with others in one buffer", () => {
  const all = [1, 100, 3000, 700].map((size) => [size, zstdCompress(noise(size))] as const);
  for (const [, packed] of all) freeMemory(packed);
  for (const [size, packed] of all) assertEquals(packed, zstdCompress(noise(size)));
});
