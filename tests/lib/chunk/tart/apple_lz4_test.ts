import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { VerificationError } from "../../../../lib/base/errors.ts";
import { unpackAppleLz4 } from "../../../../lib/chunk/tart/apple_lz4.ts";
import { unpackLz4Block } from "../../../../lib/chunk/tart/lz4_block.ts";
import { join, noise } from "../../../support/disk.ts";
import { packAppleLz4 } from "../../../support/tart.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(bytes: Uint8Array, size: number, piece = 1000): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of unpackAppleLz4(pieces(bytes, piece), size)) parts.push(part.slice());
  return join(...parts);
}

const bytesOf = (...parts: (string | number[])[]): Uint8Array =>
  join(
    ...parts.map((part) =>
      typeof part === "string" ? new TextEncoder().encode(part) : new Uint8Array(part)
    ),
  );

Deno.test("unpackAppleLz4() gives back text, zeros and noise across blocks", async () => {
  const text = new TextEncoder().encode(
    "the quick brown fox jumps over the lazy dog; ".repeat(9000),
  );
  const data = join(text, new Uint8Array(300_000), noise(150_000), text.subarray(0, 70_000));
  const packed = packAppleLz4(data);
  assert(packed.length < data.length / 2);
  for (const piece of [7, 1000, 1 << 20]) {
    assertEquals(await unpack(packed, data.length, piece), data);
  }
});

Deno.test("unpackAppleLz4() takes the plaintext of the block before as dictionary", async () => {
  const half = noise(65_536 - 20);
  const data = join(half, half);
  const packed = packAppleLz4(data);
  assert(packed.length < 80_000, "the second half is one match into the first block");
  assertEquals(await unpack(packed, data.length), data);
});

Deno.test("unpackAppleLz4() gives back whatever was packed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 5000 }))),
      fc.integer({ min: 20, max: 9000 }),
      async (runs, block) => {
        const data = join(
          ...runs.map(([kind, n]) => kind === 0 ? noise(n, n) : new Uint8Array(n).fill(kind)),
        );
        assertEquals(await unpack(packAppleLz4(data, block), data.length, 333), data);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("unpackAppleLz4() refuses a stream that is cut anywhere", async () => {
  const data = new TextEncoder().encode("abcdefgh".repeat(100));
  const packed = packAppleLz4(data, 300);
  for (let length = 0; length < packed.length; length++) {
    await assertRejects(() => unpack(packed.subarray(0, length), data.length), VerificationError);
  }
});

Deno.test("unpackAppleLz4() refuses bytes after the end, other magics, and other sizes", async () => {
  const data = new TextEncoder().encode("abcdefgh".repeat(100));
  const packed = packAppleLz4(data);
  const refuse = (bytes: Uint8Array, size: number, state: string) =>
    assertRejects(() => unpack(bytes, size), VerificationError, state);
  await refuse(join(packed, new Uint8Array(1)), data.length, "bytes follow its end");
  await refuse(bytesOf("bv42"), 0, "unknown magic");
  await refuse(packed, data.length - 1, "more than 799");
  await refuse(packed, data.length + 1, "instead of 801");
  await refuse(bytesOf("bv41", [255, 255, 255, 255]), 2 ** 40, "a block has 4294967295 bytes");
  await refuse(
    bytesOf("bv41", [8, 0, 0, 0], [255, 255, 255, 255]),
    2 ** 40,
    "4294967295 packed bytes",
  );
});

Deno.test("unpackAppleLz4() ends the stream that it reads, also where it is refused or nobody wants the rest", async () => {
  const packed = packAppleLz4(new TextEncoder().encode("abcdefgh".repeat(100)), 300);
  let open = 0;
  const stream = async function* (bytes: Uint8Array) {
    open++;
    try {
      for (let at = 0; at < bytes.length; at += 10) yield bytes.subarray(at, at + 10);
    } finally {
      open--;
    }
  };
  await Array.fromAsync(unpackAppleLz4(stream(packed), 800));
  assertEquals(open, 0);
  await assertRejects(
    () => Array.fromAsync(unpackAppleLz4(stream(packed), 799)),
    VerificationError,
    "more than 799 bytes",
  );
  assertEquals(open, 0);
  for await (const _ of unpackAppleLz4(stream(packed), 800)) break;
  assertEquals(open, 0);
});

Deno.test("unpackLz4Block() refuses a block that reaches out of its bounds", () => {
  const refuse = (block: number[], size: number, state: string) =>
    assertThrows(
      () => unpackLz4Block(new Uint8Array(block), new Uint8Array(size), 0, size),
      VerificationError,
      state,
    );
  refuse([0x10], 4, "literals reach beyond");
  refuse([0xf0, 255], 4, "a length is cut off");
  refuse([0x20, 1, 2], 1, "more than it says");
  refuse([0x10, 1, 0, 0], 20, "before the data");
  refuse([0x10, 1, 2, 0], 20, "before the data");
  refuse([0x10, 1, 1], 20, "an offset is cut off");
  refuse([0x1f, 1, 1, 0], 200, "a length is cut off");
  refuse([0x1f, 1, 1, 0, 255, 255, 255, 0], 200, "more than it says");
  refuse([0x10, 1], 2, "1 bytes instead of 2");
});

Deno.test("unpackLz4Block() survives random bytes without leaving its bounds", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (block) => {
      const out = new Uint8Array(400).fill(7);
      try {
        unpackLz4Block(block, out, 100, 300);
      } catch (error) {
        assert(error instanceof VerificationError);
      }
      assert(out.subarray(300).every((byte) => byte === 7));
      assert(out.subarray(0, 100).every((byte) => byte === 7));
    }),
    { numRuns: 2000 },
  );
});
