import { assertEquals } from "@std/assert";
import { type Chunker, sameChunker } from "../../../lib/chunk/chunker.ts";

const chunker: Chunker = { kind: "cdc", minBytes: 16_384, avgBytes: 65_536, maxBytes: 262_144 };

Deno.test("sameChunker() takes chunkers for the same that are equal in all", () => {
  assertEquals(sameChunker(chunker, { ...chunker }), true);
});

for (
  const other of [
    { kind: "fixed" },
    { minBytes: 32_768 },
    { avgBytes: 131_072 },
    { maxBytes: 524_288 },
  ] satisfies Partial<Chunker>[]
) {
  Deno.test(`sameChunker() tells one apart that differs in its ${Object.keys(other)[0]} alone`, () => {
    assertEquals(sameChunker(chunker, { ...chunker, ...other }), false);
    assertEquals(sameChunker({ ...chunker, ...other }, chunker), false);
  });
}
