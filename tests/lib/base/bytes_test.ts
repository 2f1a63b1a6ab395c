import { assertEquals, assertThrows } from "@std/assert";
import { formatBytes, parseBytes } from "../../../lib/base/bytes.ts";
import { UsageError } from "../../../lib/base/errors.ts";

Deno.test("formatBytes() writes bytes for people", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [1, "1 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [67_108_864, "64 MiB"],
    [367_001_600, "350 MiB"],
    [1_048_575, "1 MiB"],
    [5_368_709_120, "5 GiB"],
    [-5, "0 B"],
  ];
  for (const [bytes, text] of cases) assertEquals(formatBytes(bytes), text);
});

Deno.test("parseBytes() reads what people write", () => {
  const cases: [string, number][] = [
    ["512", 512],
    ["512B", 512],
    ["64KiB", 65_536],
    ["64 kb", 65_536],
    ["1.5G", 1_610_612_736],
    ["2TiB", 2_199_023_255_552],
  ];
  for (const [text, bytes] of cases) assertEquals(parseBytes(text), bytes);
});

Deno.test("parseBytes() refuses what names no size", () => {
  for (const text of ["", "x", "-1", "1e3", "1 XB", "KiB", "1..5", "9999999P", "8PiB1"]) {
    assertThrows(() => parseBytes(text), UsageError);
  }
});
