/** The level of compression that a store's URI asks for, which is a whole number as Nix reads it. */
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import type { NarPacking } from "../../../lib/nix/nar/compression.ts";
import { checkedPacking, parseStores } from "../../../tasks/publish/options.ts";

const zstd3: NarPacking = { compression: "zstd", level: 3 };
const store = "file:///srv/cache?compression-level=";

Deno.test("a store takes the chosen level however its URI writes the number", () => {
  for (const level of ["3", "03", "+3", "%2B3"]) parseStores([`${store}${level}`], zstd3);
});

Deno.test("the level -1 of a store is the default of its compression, as Nix has it", () => {
  parseStores([`${store}-1`], zstd3);
  assertEquals(checkedPacking("zstd", "-1"), zstd3);
  assertEquals(checkedPacking("xz", -1), { compression: "xz", level: 6 });
  assertEquals(checkedPacking("none", "-1"), { compression: "none", level: 0 });
});

Deno.test("a store takes a negative level of zstd", () => {
  const packing = checkedPacking("zstd", "-5");
  assertEquals(packing, { compression: "zstd", level: -5 });
  parseStores([`${store}-5`], packing);
});

Deno.test("a store that is not compressed takes every level", () => {
  parseStores([`${store}9`], checkedPacking("none"));
});

Deno.test("a store's level that is not a whole number is told as that", () => {
  for (const level of ["best", "3.0", "0x3", "1e1", "", "%203%20"]) {
    const { message, hint } = assertThrows(
      () => parseStores([`${store}${level}`], zstd3),
      UsageError,
    );
    const asked = JSON.stringify(decodeURIComponent(level));
    assertEquals(
      [message, hint],
      [
        `Cannot publish to "file:///srv/cache" with the compression-level ${asked}: it is not a whole number`,
        "zstd has the levels from -99 to 19, and -1 stands for its default",
      ],
    );
    assertThrows(
      () => checkedPacking("zstd", decodeURIComponent(level)),
      UsageError,
      "it has none",
    );
  }
});

Deno.test("a store that asks for another level is refused", () => {
  const { hint } = assertThrows(
    () => parseStores([`${store}9`], zstd3),
    UsageError,
    'with the compression-level "9": NARs are packed once for all stores',
  );
  assertEquals(hint, "all of them get 3; choose with --level");
});
