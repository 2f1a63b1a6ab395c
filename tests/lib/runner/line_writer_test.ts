import { assertEquals } from "@std/assert";
import { Redactor } from "../../../lib/base/redactor.ts";
import { LineWriter } from "../../../lib/runner/line_writer.ts";

function written(redactor: Redactor, pieces: readonly string[]): string[] {
  const lines: string[] = [];
  const writer = new LineWriter(redactor, (text) => lines.push(text));
  for (const piece of pieces) writer.writeSync(new TextEncoder().encode(piece));
  writer.flush();
  return lines;
}

Deno.test("LineWriter cuts a line without an end within no secret, however long that is", () => {
  const redactor = new Redactor();
  const secret = Array.from({ length: 10_000 }, (_, part) => part.toString(36)).join("-");
  redactor.add(secret);
  const hex = new TextEncoder().encode(secret).toHex();
  assertEquals(hex.length > 64 * 1024, true);
  assertEquals(written(redactor, [hex.slice(0, 70_000), hex.slice(70_000)]), ["[redacted]\n"]);
  assertEquals(written(redactor, ["ab", hex, "c"]).join("").replaceAll("\n", ""), "ab[redacted]c");
});

Deno.test("LineWriter cuts a line without an end, so that it is not held for ever", () => {
  const [first, ...rest] = written(new Redactor(), ["x".repeat(200_000)]);
  assertEquals(first, `${"x".repeat(64 * 1024)}\n`);
  assertEquals(rest.length, 3);
});
