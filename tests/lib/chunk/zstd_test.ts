import { assertEquals } from "@std/assert";
import { freeBytes, zstdCompress } from "../../../lib/chunk/zstd.ts";
import { noise } from "../../support/disk.ts";

Deno.test("freeBytes() gives the memory of a packed chunk back, from the least length of a chunk on", () => {
  for (const size of [4096, 8192, 65536, 4 * 1024 * 1024]) {
    for (const data of [noise(size), new Uint8Array(size)]) {
      const packed = zstdCompress(data);
      freeBytes(packed);
      assertEquals(packed.buffer.byteLength, 0, `of ${size} bytes`);
    }
  }
});

Deno.test("freeBytes() leaves what lies with others in one buffer", () => {
  const all = [1, 100, 3000, 700].map((size) => [size, zstdCompress(noise(size))] as const);
  for (const [, packed] of all) freeBytes(packed);
  for (const [size, packed] of all) assertEquals(packed, zstdCompress(noise(size)));
});
