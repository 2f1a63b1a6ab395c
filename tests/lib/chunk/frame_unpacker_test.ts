import { assert, assertEquals } from "@std/assert";
import { constants, zstdCompressSync } from "node:zlib";
import { FrameUnpacker } from "../../../lib/chunk/frame_unpacker.ts";
import { zstdCompress } from "../../../lib/chunk/zstd.ts";
import { join, noise } from "../../support/disk.ts";

const plains = [
  new TextEncoder().encode("a line of text\n".repeat(4000)),
  new Uint8Array(1_000_000),
  join(noise(30_000), new Uint8Array(50_000).fill(7)),
  new Uint8Array(1),
];
const frames = plains.map((plain) => zstdCompress(plain));
const summed = plains.map((plain) =>
  new Uint8Array(
    zstdCompressSync(plain, { chunkSize: 2 ** 20, params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  )
);

/** Whether each frame is unpacked to its bytes, and nothing is written around them. */
function unpacksAll(unpacker: FrameUnpacker): void {
  for (const [at, plain] of plains.entries()) {
    const around = new Uint8Array(plain.length + 32).fill(0xaa);
    assert(unpacker.unpack(frames[at]!, around.subarray(16, -16)));
    assertEquals(around.subarray(16, -16), plain);
    assert([...around.subarray(0, 16), ...around.subarray(-16)].every((byte) => byte === 0xaa));
  }
}

const empty = zstdCompress(new Uint8Array(0));
/** What a zstd decoder passes over (RFC 8878, section 3.1.2). */
const skippable = new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]);

const wrong: Record<string, (frame: Uint8Array<ArrayBuffer>) => Uint8Array> = {
  "a frame that is cut off": (frame) => frame.subarray(0, -1),
  "half a frame": (frame) => frame.subarray(0, frame.length >> 1),
  "no bytes": () => new Uint8Array(0),
  "noise": () => noise(5000),
  "a byte after the frame": (frame) => join(frame, new Uint8Array(1)),
  "a frame after the frame": (frame) => join(frame, frame),
  "an empty frame after the frame": (frame) => join(frame, empty),
  "an empty frame before the frame": (frame) => join(empty, frame),
  "what is passed over after the frame": (frame) => join(frame, skippable),
  "what is passed over before the frame": (frame) => join(skippable, frame),
  "a damaged header": (frame) => join(new Uint8Array([1]), frame.subarray(1)),
};

Deno.test("FrameUnpacker gives back one frame after the other", () => {
  const unpacker = new FrameUnpacker();
  for (let round = 0; round < 3; round++) unpacksAll(unpacker);
});

Deno.test("FrameUnpacker takes a frame with its checksum, and none of which that is cut off or wrong", () => {
  const unpacker = new FrameUnpacker();
  for (const [at, frame] of summed.entries()) {
    const output = new Uint8Array(plains[at]!.length);
    for (const missing of [1, 2, 4]) {
      assertEquals(unpacker.unpack(frame.subarray(0, -missing), output), false);
    }
    assertEquals(unpacker.unpack(frame.with(-1, frame.at(-1)! ^ 1), output), false);
    assert(unpacker.unpack(frame, output));
    assertEquals(output, plains[at]);
  }
});

for (const [what, spoil] of Object.entries(wrong)) {
  Deno.test(`FrameUnpacker refuses ${what}, and unpacks the next one`, () => {
    const unpacker = new FrameUnpacker();
    unpacksAll(unpacker);
    for (const [at, frame] of frames.entries()) {
      assertEquals(unpacker.unpack(spoil(frame), new Uint8Array(plains[at]!.length)), false);
    }
    unpacksAll(unpacker);
  });
}

Deno.test("FrameUnpacker refuses a frame of more or fewer bytes, and writes no byte outside", () => {
  const unpacker = new FrameUnpacker();
  for (const [at, plain] of plains.entries()) {
    for (const size of [0, plain.length >> 1, plain.length - 1, plain.length + 1]) {
      const around = new Uint8Array(size + 32).fill(0xaa);
      assertEquals(unpacker.unpack(frames[at]!, around.subarray(16, 16 + size)), false);
      assert([...around.subarray(0, 16), ...around.subarray(-16)].every((byte) => byte === 0xaa));
    }
  }
  unpacksAll(unpacker);
});

Deno.test("FrameUnpacker does without the inside of node:zlib where it is another", () => {
  const insides = [
    {},
    { _handle: {} },
    { _handle: { reset() {}, writeSync() {} } },
    { _handle: { reset() {}, writeSync() {} }, _writeState: new Uint32Array([5, 0]) },
    {
      _handle: {
        reset() {},
        writeSync(): void {
          throw new TypeError("other arguments");
        },
      },
    },
  ];
  for (const inside of insides) unpacksAll(new FrameUnpacker(() => inside));
});
