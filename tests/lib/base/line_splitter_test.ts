import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { LineSplitter } from "../../../lib/base/line_splitter.ts";
import { Redactor } from "../../../lib/base/redactor.ts";

function linesOf(pieces: readonly Uint8Array[], redactor?: Redactor): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), redactor);
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return lines;
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("LineSplitter gives whole lines, and the last one at the end", () => {
  assertEquals(linesOf(["one\ntw", "o\r\nthr", "ee"].map(bytes)), ["one", "two", "three"]);
});

Deno.test("LineSplitter takes out what is meant for a terminal", () => {
  assertEquals(linesOf([bytes("\x1b[1;31mred\x1b[0m\r 10 %\r 20 %\n\n\x07bell\n")]), [
    "red",
    " 10 %",
    " 20 %",
    "bell",
  ]);
});

Deno.test("LineSplitter cuts a line without an end", () => {
  const lines = linesOf([bytes("x".repeat(40_000))]);
  assertEquals(lines.map((line) => line.length), [16_384, 16_384, 7232]);
});

Deno.test("LineSplitter gives the same lines however the output is cut", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(), (text, at) => {
    const whole = bytes(text);
    const cut = whole.length === 0 ? 0 : at % whole.length;
    assertEquals(linesOf([whole.subarray(0, cut), whole.subarray(cut)]), linesOf([whole]));
  }));
});

Deno.test("LineSplitter takes long hostile lines apart in a time that their length does not square", () => {
  const lines = linesOf([bytes("\x1b]".repeat(200_000) + "\n\x9b2Jx\x7f\n\x1b]0;t\x1b\\y\n")]);
  assertEquals(lines, ["]".repeat(200_000), "2Jx", "y"]);
});

Deno.test("LineSplitter with a redactor cuts no line within a secret, however long, wherever it comes", () => {
  for (const length of [8, 16_384, 40_000]) {
    const secret = Array.from({ length }, (_, i) => "abcdefghijk"[i * i % 11]).join("");
    const redactor = new Redactor();
    redactor.add(secret);
    for (const before of [0, 1, 16_380, 16_384, 39_999]) {
      const text = `${"-".repeat(before)}${secret}${"-".repeat(20_000)}`;
      const pieces = [text.slice(0, before + 5), text.slice(before + 5)].map(bytes);
      const lines = linesOf(pieces, redactor).join("").replaceAll("-", "");
      assertEquals(lines, "[redacted]", `${length} after ${before}`);
    }
  }
});
