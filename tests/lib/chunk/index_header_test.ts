import { assertEquals, assertThrows } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import { readIndexHeader } from "../../../lib/chunk/index_header.ts";
import { headerBytes, indexMagic } from "../../../lib/chunk/index_layout.ts";

/** A header of version 1 with these counts. */
function header(size: bigint, ...counts: number[]): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  bytes.set(new TextEncoder().encode(indexMagic));
  const view = new DataView(bytes.buffer);
  view.setUint16(8, 1, true);
  view.setUint8(10, 1);
  for (const at of [12, 16, 20]) view.setUint32(at, 65536, true);
  view.setBigUint64(24, size, true);
  counts.forEach((count, i) => view.setUint32(32 + 4 * i, count, true));
  return bytes;
}

for (
  const [size, counts, state] of [
    [2n ** 47n, [1, 1, 1, 0], "its file has 140737488355328 bytes, more than 64 TiB"],
    [1n, [2, 1, 1, 0], "it has 2 packs for 1 chunk"],
    [1n, [24_001, 30_000, 30_000, 0], "it has 24001 packs for 30000 chunks"],
    [1n, [1, 4_194_304, 622, 0], "it has 4194304 chunks in 622 rows"],
    [1n, [1, 1, 1, 2], "it has 1 row, 2 of them holes"],
  ] as const
) {
  Deno.test(`readIndexHeader() says what is wrong where ${state}`, () => {
    assertThrows(() => readIndexHeader(header(size, ...counts), false), VerificationError, state);
  });
}

Deno.test("readIndexHeader() says that a newer kedge reads a newer version", () => {
  for (
    const [version, hint] of [[0, undefined], [2, "a newer kedge made it, and reads it"]] as const
  ) {
    const bytes = header(1n, 1, 1, 1, 0);
    new DataView(bytes.buffer).setUint16(8, version, true);
    const error = assertThrows(() => readIndexHeader(bytes, false), VerificationError);
    assertEquals(error.hint, hint);
  }
});
