import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { VerificationError } from "../../../lib/base/errors.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { type DiskIndex, holeRow } from "../../../lib/chunk/chunk_table.ts";
import { decodeIndex } from "../../../lib/chunk/decode_index.ts";
import { decodeDirectory } from "../../../lib/chunk/index_directory.ts";
import { encodeIndex, pageId } from "../../../lib/chunk/encode_index.ts";
import { entryBytes, headerBytes, pageBytes } from "../../../lib/chunk/index_layout.ts";
import { zstdCompress, zstdDecompress } from "../../../lib/chunk/zstd.ts";
import { join, noise, rawIndex, tableOf } from "../../support/disk.ts";

const chunker = chunkerFor("fixed", 0, 4096);

function sample(): DiskIndex {
  return rawIndex(
    tableOf(join(noise(40_960), new Uint8Array(8192), noise(20_480, 2)), chunker),
    5,
  );
}

/** Decodes what a liar wrote, and gives what it is told. */
function refusal(bytes: Uint8Array): string {
  return assertThrows(() => decodeIndex(bytes), VerificationError).message;
}

/** The error for an index of which one column was changed. */
function lie(change: (index: DiskIndex) => Partial<DiskIndex> | void): string {
  const index = sample();
  return refusal(encodeIndex({ ...index, ...change(index) }));
}

/** The bytes of buffers that this thread holds; those of the process are of other test modules as well. */
function ownMemory(): number {
  return Deno.memoryUsage().external;
}

function withHeader(change: (view: DataView) => void): Uint8Array {
  const bytes = encodeIndex(sample());
  change(new DataView(bytes.buffer));
  return bytes;
}

Deno.test("decodeIndex() gives back what encodeIndex() was given", () => {
  const index = sample();
  assertEquals(decodeIndex(encodeIndex(index)), index);
});

Deno.test("encodeIndex() gives the same bytes for the same index", () => {
  assertEquals(encodeIndex(sample()), encodeIndex(sample()));
});

Deno.test("decodeIndex() tells how long an index is that is cut off", () => {
  const bytes = encodeIndex(sample());
  assertStringIncludes(refusal(bytes.subarray(0, 0)), "it is only 0 bytes long");
  assertStringIncludes(refusal(bytes.subarray(0, 1)), "it is only 1 byte long");
});

Deno.test("decodeIndex() refuses a row that names a chunk that is not there", () => {
  assertStringIncludes(lie((index) => ({ rows: index.rows.with(3, 77) })), "row 3 names chunk 77");
});

Deno.test("decodeIndex() refuses rows that end before the file does, or after it", () => {
  assertStringIncludes(lie((index) => ({ size: index.size + 4096 })), "its rows end at byte");
  assertStringIncludes(lie((index) => ({ size: index.size - 4096 })), "ends at byte");
});

Deno.test("decodeIndex() refuses a chunk outside its pack", () => {
  assertStringIncludes(
    lie((index) => ({ packSizes: index.packSizes.map((size) => size - 1) })),
    "ends outside its pack",
  );
});

Deno.test("decodeIndex() refuses chunks that overlap in their pack", () => {
  // The format writes gaps, so an overlap becomes a gap of nearly 2 ** 32 bytes.
  assertStringIncludes(
    lie((index) => ({ offsets: index.offsets.with(1, 100) })),
    "ends outside its pack",
  );
});

Deno.test("decodeIndex() refuses a chunk that takes more than its length, or nothing", () => {
  const stored = (value: number) => lie((index) => ({ stored: index.stored.with(2, value) }));
  assertStringIncludes(stored(4097), "takes 4097");
  assertStringIncludes(stored(0), "takes 0");
});

Deno.test("decodeIndex() refuses chunk lengths that the chunker does not make", () => {
  const lengths = (value: number) => lie((index) => ({ lengths: index.lengths.with(2, value) }));
  assertStringIncludes(lengths(0), "chunk 2 has 0 bytes");
  assertStringIncludes(lengths(8192), "chunk 2 has 8192 bytes");
  assertStringIncludes(lengths(4095), "of 4095 bytes takes 4096");
  const short = lie(({ lengths, stored }) => ({
    lengths: lengths.with(2, 4095),
    stored: stored.with(2, 4095),
  }));
  assertStringIncludes(short, "off the grid");
});

Deno.test("decodeIndex() refuses a hole of no length, and one longer than the file", () => {
  const hole = (length: number) =>
    lie((index) => {
      const at = index.rows.indexOf(holeRow);
      const rowOffsets = index.rowOffsets.slice();
      rowOffsets[at + 1] = rowOffsets[at]! + length;
      return { rowOffsets };
    });
  assertStringIncludes(hole(0), "a hole of 0 bytes");
  assertStringIncludes(hole(2 ** 40), "a hole of 1099511627776 bytes");
});

Deno.test("decodeIndex() refuses a hole that follows a hole", () => {
  const message = lie((index) => {
    const at = index.rows.indexOf(holeRow);
    const rows = new Uint32Array(index.rows.length + 1);
    rows.set(index.rows.subarray(0, at + 1));
    rows.set(index.rows.subarray(at), at + 1);
    const rowOffsets = new Float64Array(index.rowOffsets.length + 1);
    rowOffsets.set(index.rowOffsets.subarray(0, at + 1));
    rowOffsets.set(index.rowOffsets.subarray(at), at + 1);
    rowOffsets[at + 1]! += 4096;
    return { rows, rowOffsets };
  });
  assertStringIncludes(message, "hole follows hole");
});

Deno.test("decodeIndex() refuses a chunk that no row shows", () => {
  assertStringIncludes(
    lie((index) => ({ rows: index.rows.map((row) => row === 4 ? 3 : row) })),
    "1 chunks have no row",
  );
});

Deno.test("decodeIndex() refuses a digest that is there twice", () => {
  const message = lie((index) => {
    const digests = index.digests.slice();
    digests.copyWithin(32, 0, 32);
    return { digests };
  });
  assertStringIncludes(message, "is there twice");
  const packs = lie((index) => {
    const packDigests = index.packDigests.slice();
    packDigests.copyWithin(32, 0, 32);
    return { packDigests };
  });
  assertStringIncludes(packs, "pack sha256:");
});

Deno.test("decodeIndex() refuses a pack of no size and one without chunks", () => {
  assertStringIncludes(
    lie((index) => ({ packSizes: index.packSizes.with(0, 0) })),
    "pack 0 has 0 bytes",
  );
  assertStringIncludes(
    lie((index) => ({ packs: index.packs.map((pack) => pack === 0 ? 1 : pack) })),
    "pack 0 has too many or no chunks",
  );
});

Deno.test("decodeIndex() refuses huge counts before it takes memory for them", () => {
  for (const at of [32, 36, 40, 44]) {
    const bytes = withHeader((view) => view.setUint32(at, 0xffffffff, true));
    const before = ownMemory();
    refusal(bytes);
    assert(ownMemory() - before < 1 << 20);
  }
  assertStringIncludes(
    refusal(withHeader((view) => view.setUint32(40, 8_000_000, true))),
    "unpacks",
  );
  for (const at of [headerBytes + 36, headerBytes + 40]) {
    refusal(withHeader((view) => view.setUint32(at, 0xffffffff, true)));
  }
});

Deno.test("decodeIndex() refuses another magic, version, chunker, flag, and set reserved bytes", () => {
  assertStringIncludes(refusal(withHeader((view) => view.setUint8(0, 0))), "magic");
  assertStringIncludes(refusal(withHeader((view) => view.setUint16(8, 2, true))), "version is 2");
  assertStringIncludes(refusal(withHeader((view) => view.setUint8(10, 3))), "chunker is 3");
  assertStringIncludes(refusal(withHeader((view) => view.setUint8(11, 1))), "flags are 1");
  assertStringIncludes(refusal(withHeader((view) => view.setUint8(63, 1))), "reserved");
  assertStringIncludes(refusal(withHeader((view) => view.setUint32(12, 0, true))), "chunk lengths");
  assertStringIncludes(
    refusal(withHeader((view) => view.setUint32(20, 0x7fffffff, true))),
    "chunk lengths",
  );
  assertStringIncludes(
    refusal(withHeader((view) => view.setBigUint64(24, 2n ** 60n, true))),
    "its file has",
  );
  assertStringIncludes(refusal(new Uint8Array(10)), "only 10 bytes");
});

/** The sample with one of its frames, or the last, put in place of the true one; lengths and ids follow. */
function withFrame(frame: Uint8Array, page?: number): Uint8Array {
  const bytes = encodeIndex(sample());
  const { pageStarts } = decodeDirectory(bytes);
  const view = new DataView(bytes.buffer);
  if (page === undefined) {
    view.setUint32(48, frame.length, true);
    return join(bytes.subarray(0, pageStarts.at(-1)), frame);
  }
  const entry = headerBytes + page * entryBytes;
  view.setUint32(entry + 40, frame.length, true);
  bytes.set(pageId(frame), entry + 44);
  return join(
    bytes.subarray(0, pageStarts[page]),
    frame,
    bytes.subarray(pageStarts[page + 1]),
  );
}

Deno.test("decodeIndex() refuses frames that unpack to more than the counts say", () => {
  const bomb = zstdCompress(new Uint8Array(64 << 20));
  const before = ownMemory();
  assertStringIncludes(refusal(withFrame(bomb)), "unpacks to more than");
  assertStringIncludes(refusal(withFrame(bomb, 1)), "unpacks to more than");
  assert(ownMemory() - before < 32 << 20);
});

Deno.test("decodeIndex() refuses frames that something follows", () => {
  const bytes = encodeIndex(sample());
  const { pageStarts } = decodeDirectory(bytes);
  const page = bytes.subarray(pageStarts[1]!, pageStarts[2]!);
  const tail = bytes.subarray(pageStarts.at(-1)!);
  const skippable = new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  for (const more of [new Uint8Array([0]), zstdCompress(new Uint8Array(0)), skippable]) {
    assertStringIncludes(refusal(withFrame(join(page, more), 1)), "not a sound zstd frame");
    assertStringIncludes(refusal(withFrame(join(tail, more))), "not a sound zstd frame");
  }
  refusal(withFrame(join(page, page), 1));
});

Deno.test("decodeIndex() refuses an index that is cut, damaged or followed by more", () => {
  const bytes = encodeIndex(sample());
  for (const length of [bytes.length - 1, bytes.length - 40, headerBytes + 1, headerBytes]) {
    refusal(bytes.subarray(0, length));
  }
  refusal(join(bytes, bytes.subarray(headerBytes)));
  const { pageStarts } = decodeDirectory(bytes);
  bytes[pageStarts[1]! + 20]! ^= 1;
  assertStringIncludes(refusal(bytes), "page 1 is not the one of the directory");
});

Deno.test("decodeIndex() either refuses random damage or gives an index that holds together", () => {
  const bytes = encodeIndex(sample());
  const { pageStarts, perPack } = decodeDirectory(bytes);
  const page = zstdDecompress(
    bytes.subarray(pageStarts[1]!, pageStarts[2]!),
    pageBytes(perPack[1]!),
    "a page",
  );
  const tail = zstdDecompress(bytes.subarray(pageStarts.at(-1)), 17 * 4 + 8 - 4, "the tail");
  const survives = (damaged: Uint8Array) => {
    let index: DiskIndex;
    try {
      index = decodeIndex(damaged);
    } catch (error) {
      assert(error instanceof VerificationError, String(error));
      return;
    }
    assertEquals(index.rowOffsets.at(-1), index.size);
    for (let chunk = 0; chunk < index.lengths.length; chunk++) {
      const end = index.offsets[chunk]! + index.stored[chunk]!;
      assert(end <= index.packSizes[index.packs[chunk]!]!);
    }
  };
  fc.assert(
    fc.property(
      fc.constantFrom("page", "tail", "start"),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (where, at, xor) => {
        if (where === "start") {
          const changed = bytes.slice();
          changed[at % pageStarts[0]!]! ^= xor;
          return survives(changed);
        }
        const changed = (where === "page" ? page : tail).slice();
        changed[at % changed.length]! ^= xor;
        survives(withFrame(zstdCompress(changed), where === "page" ? 1 : undefined));
      },
    ),
    { numRuns: 1000 },
  );
});
