import { assert, assertEquals, assertThrows } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { takeIndex } from "../../../lib/chunk/decode_index.ts";
import { takeDiff, takeKnown } from "../../../lib/chunk/diff_indexes.ts";
import { digestHash } from "../../../lib/chunk/digest_hash.ts";
import { DigestStarts } from "../../../lib/chunk/digest_starts.ts";
import { encodeIndex } from "../../../lib/chunk/encode_index.ts";
import { takeFigures } from "../../../lib/chunk/index_figures.ts";
import { join, noise, rawIndex, tableOf } from "../../support/disk.ts";

const chunker = chunkerFor("fixed", 0, 4096);
const indexOf = (data: Uint8Array) => rawIndex(tableOf(data, chunker), 5);

Deno.test("DigestStarts has what was entered and nothing else, also when it is full", () => {
  const count = 5000;
  const column = noise(count * 32);
  const others = noise(count * 32, 2);
  using starts = new DigestStarts(count);
  for (let at = 0; at < count; at++) assert(!starts.add(column, at));
  for (let at = 0; at < count; at++) {
    assert(starts.has(column, at) && starts.add(column, at) && !starts.has(others, at));
  }
});

Deno.test("DigestStarts has a digest of zeros only once it was entered", () => {
  using starts = new DigestStarts(1);
  const zeros = new Uint8Array(32);
  assertEquals([starts.has(zeros, 0), starts.add(zeros, 0)], [false, false]);
  assertEquals([starts.has(zeros, 0), starts.add(zeros, 0)], [true, true]);
});

Deno.test("digestHash() tells digests apart that begin alike, so that none has to be looked for long", () => {
  const count = 4096;
  const column = new Uint8Array(count * 32);
  const numbers = new DataView(column.buffer);
  for (let at = 0; at < count; at++) numbers.setUint16(at * 32 + 30, at);
  const found = new Set<number>();
  for (let at = 0; at < count; at++) found.add(digestHash(column, at, 32) & 0xffff);
  assert(found.size > count / 2, `${found.size} places for ${count} digests`);
});

Deno.test("takeFigures() and takeDiff() refuse an index that holds a chunk twice", () => {
  const index = indexOf(noise(40_960));
  index.digests.copyWithin(7 * 32, 0, 32);
  const bytes = encodeIndex(index);
  const known = takeIndex(encodeIndex(indexOf(noise(8192))), takeKnown);
  for (const take of [takeFigures, takeKnown, takeDiff(known)]) {
    const { message } = assertThrows(() => takeIndex<unknown>(bytes, take), VerificationError);
    assert(message.endsWith(" is there twice"), message);
  }
});

Deno.test("takeDiff() counts what two indexes have in common, and takeFigures() what one has", () => {
  const [a, b] = [noise(40_960), noise(20_480, 2)];
  const hole = new Uint8Array(8192);
  const known = takeIndex(encodeIndex(indexOf(join(a, hole))), takeKnown);
  const bytes = encodeIndex(indexOf(join(b, hole, a.subarray(4096), a)));
  assertEquals(takeIndex(bytes, takeDiff(known)), {
    chunker,
    commonChunks: 10,
    commonBytes: 40_960,
    newChunks: 5,
    newBytes: 20_480,
    newStoredBytes: 20_480,
  });
  const { packBytes, packs, storedBytes, ...figures } = takeIndex(bytes, takeFigures);
  assertEquals(figures, {
    chunker,
    size: 20_480 + 8192 + 36_864 + 40_960,
    dataBytes: 20_480 + 36_864 + 40_960,
    chunks: 15,
    chunkBytes: 61_440,
    holes: 1,
  });
  assertEquals([packs, packBytes, storedBytes], [3, 61_440, 61_440]);
});
