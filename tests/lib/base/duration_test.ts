import { assertEquals, assertThrows } from "@std/assert";
import { formatDuration, parseDuration } from "../../../lib/base/duration.ts";
import { UsageError } from "../../../lib/base/errors.ts";

Deno.test("parseDuration() reads what people write, a bare number as seconds", () => {
  const cases: [string, number][] = [
    ["30", 30_000],
    ["250ms", 250],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["7d", 604_800_000],
    ["2W", 1_209_600_000],
  ];
  for (const [text, ms] of cases) assertEquals(parseDuration(text), ms);
});

Deno.test("parseDuration() refuses what names no time", () => {
  for (const text of ["", "s", "-5s", "5 m 3", "5mm", "1h-30m", "soon"]) {
    assertThrows(() => parseDuration(text), UsageError);
  }
});

Deno.test("formatDuration() writes durations for people", () => {
  const cases: [number, string][] = [
    [0, "0ms"],
    [999, "999ms"],
    [1200, "1.2s"],
    [59_960, "1m"],
    [200_000, "3m 20s"],
    [7_500_000, "2h 5m"],
    [180_000_000, "2d 2h"],
  ];
  for (const [ms, text] of cases) assertEquals(formatDuration(ms), text);
});
